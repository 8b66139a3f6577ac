import Testing

@testable import RegistryConfiguration

@Suite("Environment variables")
struct EnvironmentTests {
    private static let file = """
        version: 0.1
        storage:
          filesystem: {rootdirectory: /data}
          delete: {enabled: true}
        middleware: {storage: [{name: one}]}
        """

    @Test(
        "Typed keys are overridden",
        arguments: [
            ("REGISTRY_HTTP_ADDR", ":8080", "addr: \":8080\""),
            ("REGISTRY_http_Addr", "localhost:0", "addr: \"localhost:0\""),
            ("REGISTRY_LOG_ACCESSLOG_DISABLED", "yes", "disabled: yes"),
            ("REGISTRY_LOG_LEVEL", "debug", "level: debug"),
            ("REGISTRY_HTTP_SECRET", "12345", "secret: <secret>"),
            ("REGISTRY_HTTP_DRAINTIMEOUT", "5s", "draintimeout: 5s"),
            ("REGISTRY_HTTP_HEADERS", "{X-A: [b]}", "X-A:"),
            ("REGISTRY_STORAGE_DELETE_ENABLED", "false", "enabled: false"),
            ("REGISTRY_STORAGE_MAINTENANCE_READONLY", "{\"enabled\":true}", "enabled: true"),
            ("REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED", "true", "enabled: true"),
            ("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/other", "rootdirectory: /other"),
            ("REGISTRY_PLUGINS_DIRECTORIES", "[/a]", "- /a"), ("REGISTRY_PLUGINS_DIRECTORIES_0", "/a", "- /a"),
            ("REGISTRY_PLUGINS_LOAD_0", "/a.so", "- /a.so"), ("REGISTRY_PLUGINS_LOAD_0_PATH", "/a.so", "- path: /a.so"),
            ("REGISTRY_MIDDLEWARE_STORAGE_0_NAME", "two", "- name: two"),
            ("REGISTRY_MIDDLEWARE_STORAGE_1", "{name: two}", "- name: two"),
            ("REGISTRY_LOG_FIELDS_ZONE", "a", "zone: a"),
            ("REGISTRY_AUTH", "none", "none: {}"), ("REGISTRY_AUTH_HTPASSWD_PATH", "/x", "path: /x"),
        ])
    func overrides(name: String, value: String, shown: String) throws {
        let loaded = load(Self.file, environment: [name: value])
        #expect(loaded.configuration != nil, "\(loaded.report)")
        #expect(loaded.appliedVariables == [name])
        let line = loaded.show().split(separator: "\n").first {
            $0.contains(shown) && $0.contains("# \(name)") || shown == "X-A:"
        }
        #expect(line != nil, "\(loaded.show())")
    }

    @Test("Read-only service can be switched on in both ways, as can nothing")
    func readOnly() throws {
        let section = ["REGISTRY_STORAGE_MAINTENANCE_READONLY": #"{"enabled":true}"#]
        let key = ["REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED": "true"]
        #expect(load(Self.file, environment: section).configuration?.storage.readOnly == true)
        #expect(load(Self.file, environment: key).configuration?.storage.readOnly == true)
        #expect(load(Self.file).configuration?.storage.readOnly == false)
    }

    @Test("A section's variable replaces it, before its keys are set")
    func section() throws {
        let environment = ["REGISTRY_STORAGE_S3_BUCKET": "images", "REGISTRY_STORAGE": "s3"]
        let storage = try #require(load(Self.file, environment: environment).configuration?.storage)
        #expect(storage.driver.name == "s3")
        #expect(storage.driver.options.json == #"{"bucket":"images"}"#)
        #expect(storage.driver.options.origin(at: "/bucket") == .environment(variable: "REGISTRY_STORAGE_S3_BUCKET"))
        #expect(!storage.deleteEnabled)
    }

    @Test("A driver beside the file's is an error that names both and the variable")
    func otherDriver() {
        let loaded = load(Self.file, environment: ["REGISTRY_STORAGE_S3_BUCKET": "images"])
        #expect(loaded.configuration == nil)
        let message = loaded.messages(.error).first ?? ""
        for part in [
            "\"filesystem\" (config.yml:3:3)", "\"s3\" (REGISTRY_STORAGE_S3_BUCKET)", "set REGISTRY_STORAGE=s3",
        ] {
            #expect(message.contains(part), "\(message)")
        }
    }

    @Test("Without a file, a driver from the environment replaces the built-in one")
    func builtInDriver() throws {
        let loaded = ConfigurationSource.load(file: nil, environment: ["REGISTRY_STORAGE_S3_BUCKET": "images"])
        let configuration = try #require(loaded.configuration, "\(loaded.report)")
        #expect(configuration.storage.driver.name == "s3")
        #expect(configuration.storage.deleteEnabled)
    }

    @Test(
        "Options with an underscore are reached",
        arguments: [
            ("azure: {max_retries: 1}", "REGISTRY_STORAGE_AZURE_MAX_RETRIES", #"{"max_retries":9}"#),
            ("azure:", "REGISTRY_STORAGE_AZURE_MAX_RETRIES", #"{"max_retries":9}"#),
            ("azure: {}", "REGISTRY_STORAGE_AZURE_CREDENTIALS_TYPE", #"{"credentials":{"type":9}}"#),
            (
                "gcs: {credentials: {}}", "REGISTRY_STORAGE_GCS_CREDENTIALS_PRIVATE_KEY_ID",
                #"{"credentials":{"private_key_id":9}}"#
            ),
            ("own: {a_b: {c_d: 1}}", "REGISTRY_STORAGE_OWN_A_B_C_D", #"{"a_b":{"c_d":9}}"#),
            ("own: {a: {b: 1}, a_b: 2}", "REGISTRY_STORAGE_OWN_A_B", #"{"a":{"b":1},"a_b":9}"#),
            ("own: {Mixed-Case: 1}", "REGISTRY_STORAGE_OWN_MIXED_CASE", #"{"Mixed-Case":9}"#),
            ("own: {list: [1, 2]}", "REGISTRY_STORAGE_OWN_LIST_1", #"{"list":[1,9]}"#),
            ("my_driver: {}", "REGISTRY_STORAGE_MY_DRIVER_X", #"{"x":9}"#),
        ])
    func underscores(storage: String, name: String, json: String) throws {
        let loaded = load("version: 0.1\nstorage:\n  \(storage)", environment: [name: "9"])
        #expect(loaded.configuration?.storage.driver.options.json == json, "\(loaded.report)")
    }

    @Test("Names of options that the host knows are reached too")
    func knownNames() {
        let loaded = ConfigurationSource.load(
            text: Array("version: 0.1\nstorage: own".utf8), name: "c", environment: ["REGISTRY_STORAGE_OWN_A_B": "1"],
            underscoredOptions: ["a_b"])
        #expect(loaded.configuration?.storage.driver.options.json == #"{"a_b":1}"#)
    }

    @Test("List indexes go by number and are appended one at a time")
    func indexes() throws {
        var environment: [String: String] = [:]
        for index in 1...11 { environment["REGISTRY_MIDDLEWARE_STORAGE_\(index)_NAME"] = "m\(index)" }
        let configuration = try #require(load(Self.file, environment: environment).configuration)
        #expect(configuration.storageMiddleware.map(\.name) == ["one"] + (1...11).map { "m\($0)" })
        let loaded = load(Self.file, environment: ["REGISTRY_MIDDLEWARE_STORAGE_2_NAME": "x"])
        #expect(loaded.messages(.error).first?.contains("the next index is 1, not 2") == true, "\(loaded.report)")
    }

    @Test(
        "Variables of service links are ignored and listed",
        arguments: [
            ("REGISTRY_PORT", "tcp://10.0.0.1:5000"), ("REGISTRY_SERVICE_HOST", "10.0.0.1"),
            ("REGISTRY_SERVICE_PORT", "5000"), ("REGISTRY_SERVICE_PORT_HTTP_API", "5000"),
            ("REGISTRY_PORT_5000_TCP", "tcp://10.0.0.1:5000"), ("REGISTRY_PORT_5000_TCP_PROTO", "tcp"),
            ("REGISTRY_PORT_5000_TCP_PORT", "5000"), ("REGISTRY_PORT_5000_TCP_ADDR", "10.0.0.1"),
            ("REGISTRY_AUTH_PORT", "tcp://10.0.0.1:80"), ("REGISTRY_AUTH_SERVICE_HOST", "10.0.0.1"),
            ("REGISTRY_STORAGE_SERVICE_PORT", "80"), ("REGISTRY_HTTP_PORT_80_UDP_ADDR", "10.0.0.1"),
        ])
    func serviceLinks(name: String, value: String) {
        let loaded = load(Self.file, environment: [name: value])
        #expect(loaded.configuration != nil)
        #expect(loaded.ignoredVariables == [name])
        #expect(loaded.issues.map(\.severity) == [.note])
        #expect(loaded.show().contains("# Environment variables ignored: \(name)"))
    }

    @Test(
        "What names no key is a warning, and an error where it may be a restriction",
        arguments: [
            ("REGISTRY_HTPP_ADDR", "x", "warning: names no key, ignored; did you mean http?"),
            ("REGISTRY_HTTP_ADR", "x", "warning: names no key of http, ignored; did you mean http.addr?"),
            ("REGISTRY_HTTP_ADDR_X", "x", "warning: names no key: nothing is below http.addr"),
            ("REGISTRY_VERSION", "0.2", "warning: the version cannot be overridden"),
            ("REGISTRY_", "x", "warning: names no key"), ("REGISTRY_HTTP__ADDR", "x", "warning: names no key"),
            ("REGISTRY_MIDDLEWARE_STORAGE_X", "x", "warning: names no key: middleware.storage is a list"),
            ("REGISTRY_HTTP_TLS_CLIENTCA", "x", "error: names no key of http.tls; did you mean http.tls.clientcas?"),
            ("REGISTRY_AUHT_HTPASSWD_PATH", "x", "error: names no key; did you mean auth?"),
            ("REGISTRY_ACCESS_RULES", "x", "error: access: not available yet"),
            ("REGISTRY_HTTP_TLS_CLIENTAUTH", "request-client-cert", "error: http.tls.clientauth: not available yet"),
            ("REGISTRY_HTTP_ADDR", "nowhere", "REGISTRY_HTTP_ADDR: error: http.addr: found \"nowhere\""),
            ("REGISTRY_HTTP_HEADERS", "{a", "error: http.headers: the value is not valid YAML"),
            ("REGISTRY_HTTP_SECRET", "#1", "error: http.secret: the value is only a comment to YAML"),
            ("REGISTRY_HTTP_SECRET", "a: b", "error: http.secret: found a map, expected text"),
            ("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY_X", "1", "is a single value at config.yml:3:31"),
            ("REGISTRY_HEALTH_FILECHECKERS_0_FILE", "/x", "warning: health: not available yet"),
            ("REGISTRY_NOTIFICATIONS_EVENTCONFIG_INCLUDEREFERENCES", "true", "warning: notifications: not available"),
            ("REGISTRY_REDIS_ADDRS", "[a]", "warning: redis: not available yet"),
            ("REGISTRY_AUTH", "", "warning: auth: names no backend"),
        ])
    func reported(name: String, value: String, message: String) {
        let loaded = load(Self.file, environment: [name: value])
        #expect(loaded.report.contains(message), "\(loaded.report)")
        #expect(loaded.report.contains(name), "\(loaded.report)")
        #expect((loaded.configuration == nil) == message.contains("error:") || message.hasPrefix("is a single"))
    }

    @Test("Variables that are no overrides are left alone")
    func reserved() {
        let environment = [
            "REGISTRY_CONFIGURATION_PATH": "/x", "PATH": "/bin", "REGISTRYX": "1", "OTEL_REGISTRY_X": "1",
        ]
        let loaded = load(Self.file, environment: environment)
        #expect(loaded.issues.isEmpty)
        #expect(loaded.appliedVariables.isEmpty)
        #expect(loaded.ignoredVariables.isEmpty)
    }

    @Test("Absurd names end in a message")
    func absurd() {
        let long = "REGISTRY_STORAGE_FILESYSTEM" + String(repeating: "_A", count: 100_000)
        let index = "REGISTRY_MIDDLEWARE_STORAGE_99999999999999999999_NAME"
        let loaded = load(Self.file, environment: [long: "x", index: "x", "REGISTRY_MIDDLEWARE_STORAGE_-1_NAME": "x"])
        #expect(loaded.ignoredVariables.count == 3)
        #expect(loaded.issues.allSatisfy { $0.severity == .warning })
    }
}
