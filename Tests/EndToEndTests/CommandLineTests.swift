import Foundation
import TestSupport
import Testing

@Suite("The command line", .enabled(if: BuildProducts.serverIsOurs, "another server has another command line"))
struct CommandLineTests {
    private func mooring(
        _ arguments: String..., environment: [String: String?] = [:], directory: String? = nil
    ) async throws -> CommandResult {
        try await Command.run(
            BuildProducts.server, arguments, environment: environment, directory: directory, timeout: .seconds(20))
    }

    @Test("The version is a semantic one", .timeLimit(.minutes(1)))
    func version() async throws {
        let result = try await mooring("--version").checked()
        #expect(result.text.range(of: #"\d+\.\d+\.\d+"#, options: .regularExpression) != nil, "\(result)")
    }

    @Test("The help names every command", .timeLimit(.minutes(1)))
    func help() async throws {
        let overview = try await mooring("--help").checked().text
        for command in ["serve", "config", "plugin"] { #expect(overview.contains(command), "\(command)") }
        for command in ["check", "show", "describe"] {
            let text = try await mooring("config", "--help").checked().text
            #expect(text.contains(command), "\(command)")
        }
        for command in ["list", "inspect"] {
            let text = try await mooring("plugin", "--help").checked().text
            #expect(text.contains(command), "\(command)")
        }
    }

    @Test("An unknown command or option is refused with the usage", .timeLimit(.minutes(1)))
    func unknown() async throws {
        expectFailure(try await mooring("sreve"), saying: ["sreve", "usage"])
        expectFailure(try await mooring("serve", "--nonsense"), saying: ["--nonsense", "usage"])
    }

    static let good = """
        version: 0.1
        storage:
          filesystem: {rootdirectory: /var/lib/registry}
          delete: {enabled: true}
          maintenance: {uploadpurging: {enabled: true, age: 168h, interval: 24h, dryrun: false}}
        http:
          addr: 127.0.0.1:5000
          secret: correct-horse-battery
          headers: {X-Content-Type-Options: [nosniff]}
        """

    @Test("Distribution's own sample passes the check", .timeLimit(.minutes(1)))
    func goodConfiguration() async throws {
        try await withTemporaryDirectory { directory in
            try await mooring("config", "check", directory.write(Self.good, to: "config.yml")).checked()
        }
    }

    /// A configuration with one mistake, and what the message has to name.
    struct Mistake: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let yaml: String
        let says: [String]

        static let all = [
            Mistake(
                testDescription: "no version", yaml: "storage: {filesystem: {rootdirectory: /tmp/r}}", says: ["version"]
            ),
            Mistake(
                testDescription: "another version",
                yaml: "version: 0.2\nstorage: {filesystem: {rootdirectory: /tmp/r}}", says: ["version", "0.1"]),
            Mistake(testDescription: "no storage", yaml: "version: 0.1", says: ["storage"]),
            Mistake(
                testDescription: "two drivers",
                yaml: "version: 0.1\nstorage: {filesystem: {rootdirectory: /tmp/r}, inmemory: {}}",
                says: ["storage", "filesystem", "inmemory"]),
            Mistake(
                testDescription: "a wrong duration",
                yaml: "version: 0.1\nstorage: {inmemory: {}}\nhttp: {draintimeout: soon}",
                says: ["http.draintimeout", "soon"]),
            Mistake(
                testDescription: "a wrong log level",
                yaml: "version: 0.1\nlog: {level: loud}\nstorage: {inmemory: {}}", says: ["log.level", "loud"]),
            Mistake(
                testDescription: "no YAML", yaml: "version: 0.1\nstorage: {inmemory: {}\nhttp: [", says: ["config.yml"]),
            Mistake(
                testDescription: "a map where a text belongs",
                yaml: "version: 0.1\nstorage: {inmemory: {}}\nhttp: {addr: {a: b}}", says: ["http.addr"]),
        ]
    }

    @Test(
        "A mistake is named, with its file, by the check and by serve alike", .timeLimit(.minutes(1)),
        arguments: Mistake.all)
    func mistakes(mistake: Mistake) async throws {
        try await withTemporaryDirectory { directory in
            let file = try directory.write(mistake.yaml, to: "config.yml")
            expectFailure(try await mooring("config", "check", file), saying: [file] + mistake.says)
            expectFailure(try await mooring("serve", file), saying: [file] + mistake.says)
        }
    }

    @Test("A driver that no plugin offers is named, with those there are", .timeLimit(.minutes(1)))
    func unknownDriver() async throws {
        try await withTemporaryDirectory { directory in
            let configuration = Configuration(storage: "filesytem: {rootdirectory: /tmp/r}")
            try await expectRefused(configuration, in: directory, saying: ["filesytem", "filesystem"])
        }
    }

    @Test("A file that is not there is named", .timeLimit(.minutes(1)))
    func noFile() async throws {
        expectFailure(try await mooring("serve", "/nowhere/config.yml"), saying: ["/nowhere/config.yml"])
        expectFailure(try await mooring("config", "check", "/nowhere/config.yml"), saying: ["/nowhere/config.yml"])
    }

    @Test("An address in use is named", .timeLimit(.minutes(1)))
    func addressInUse() async throws {
        try await withRegistry { registry, _ in
            let result = try await mooring("serve", registry.configurationFile)
            expectFailure(result, saying: [registry.host, "in use"])
        }
    }

    @Test("The check opens the files of TLS and names key and file", .timeLimit(.minutes(1)))
    func tlsFiles() async throws {
        try await withTemporaryDirectory { directory in
            let junk = try directory.write("no certificate\n", to: "junk.pem")
            let (good, key) = (directory.path("good.pem"), directory.path("key.pem"))
            let other = directory.path("other.pem")
            for (certificate, key) in [(good, key), (directory.path("unused.pem"), other)] {
                let arguments = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
                try await Command.run(
                    "openssl", arguments + ["-subj", "/CN=localhost", "-keyout", key, "-out", certificate]
                ).checked()
            }
            func check(_ certificate: String, _ key: String) async throws -> CommandResult {
                var configuration = Configuration.filesystem(directory.path("root"))
                configuration.http = "tls: {certificate: \(certificate), key: \(key)}"
                let file = try directory.write(configuration.yaml(address: "127.0.0.1:0"), to: "config.yml")
                return try await mooring("config", "check", file)
            }
            #expect(try await check(good, key).isSuccess)
            expectFailure(
                try await check("/nowhere/a.pem", key),
                saying: ["http.tls.certificate", "/nowhere/a.pem", "no such file"])
            expectFailure(
                try await check(good, "/nowhere/k.pem"), saying: ["http.tls.key", "/nowhere/k.pem", "no such file"])
            expectFailure(try await check(junk, key), saying: ["http.tls.certificate", junk, "no certificate"])
            expectFailure(try await check(good, junk), saying: ["http.tls.key", junk, "no private key"])
            expectFailure(try await check(good, other), saying: ["http.tls: ", good, other])
        }
    }

    @Test("Two plugins that offer one component are named by the check and the list", .timeLimit(.minutes(1)))
    func twoPlugins() async throws {
        try await withTemporaryDirectory { directory in
            let folder = try directory.makeDirectory("plugins")
            for name in ["libStorageMemory.so", "zz-inmemory.so"] {
                try FileManager.default.copyItem(
                    atPath: BuildProducts.plugin("StorageMemory"), toPath: "\(folder)/\(name)")
            }
            let configuration = Configuration(storage: "inmemory: {}", more: "plugins: {directories: [\(folder)]}")
            let file = try directory.write(configuration.yaml(address: "127.0.0.1:0"), to: "config.yml")
            // The one that is named after the component goes first.
            let says = "\(folder)/zz-inmemory.so is used, not \(folder)/libStorageMemory.so"
            for command in [["config", "check", file], ["plugin", "list", "--config", file]] {
                let result = try await Command.run(BuildProducts.server, command, timeout: .seconds(20))
                #expect(result.isSuccess)
                #expect(result.errorText.contains(says), "\(result)")
            }
        }
    }

    @Test("What is shown is what is in force, without secrets", .timeLimit(.minutes(1)))
    func show() async throws {
        try await withTemporaryDirectory { directory in
            let file = try directory.write(Self.good, to: "config.yml")
            let environment = ["REGISTRY_HTTP_ADDR": "127.0.0.1:6001"]
            let shown = try await mooring("config", "show", file, environment: environment).checked().text
            for word in ["rootdirectory", "/var/lib/registry", "127.0.0.1:6001", "nosniff"] {
                #expect(shown.contains(word), "\(word) is missing:\n\(shown)")
            }
            #expect(!shown.contains("correct-horse-battery"))
            // Shown again, it is a configuration of the same meaning.
            let second = try directory.write(shown, to: "second.yml")
            #expect(try await mooring("config", "check", second).isSuccess)
        }
    }

    @Test("The description has every key of Distribution's that a server needs", .timeLimit(.minutes(1)))
    func describe() async throws {
        let text = try await mooring("config", "describe").checked().text
        for key in ["http.addr", "http.tls.certificate", "http.draintimeout", "log.level", "storage", "plugins"] {
            #expect(text.contains(key), "\(key) is missing")
        }
    }

    @Test("The plugins beside the server are listed with what they offer", .timeLimit(.minutes(1)))
    func pluginList() async throws {
        // From somewhere else: the working directory is no plugin directory.
        let list = try await mooring("plugin", "list", directory: "/").checked().text
        for word in ["filesystem", "inmemory", "moor.storage/1"] {
            #expect(list.contains(word), "\(word) is missing:\n\(list)")
        }
    }

    @Test(
        "A plugin's file is inspected without being used", .timeLimit(.minutes(1)),
        arguments: [
            ("StorageFilesystem", "filesystem", "rootdirectory"), ("StorageMemory", "inmemory", "moor.storage/1"),
            ("StorageGCS", "gcs", "rootdirectory"),
        ])
    func pluginInspect(plugin: (library: String, component: String, says: String)) async throws {
        let text = try await mooring("plugin", "inspect", BuildProducts.plugin(plugin.library)).checked().text
        for word in [plugin.component, plugin.says] { #expect(text.contains(word), "\(word) is missing:\n\(text)") }
        expectFailure(try await mooring("plugin", "inspect", "/nowhere/lib.so"), saying: ["/nowhere/lib.so"])
    }

    @Test("A plugin can be inspected whatever the configuration is", .timeLimit(.minutes(1)))
    func pluginInspectAlone() async throws {
        let environment = ["REGISTRY_CONFIGURATION_PATH": "/nowhere.yml", "REGISTRY_LOG_LEVEL": "loud"]
        let plugin = BuildProducts.plugin("StorageMemory")
        try await mooring("plugin", "inspect", plugin, environment: environment).checked()
    }

    @Test("A plugin directory that was configured and isn't there is a mistake", .timeLimit(.minutes(1)))
    func noPluginDirectory() async throws {
        try await withTemporaryDirectory { directory in
            let configuration = Configuration(storage: "inmemory: {}", more: "plugins: {directories: [/nowhere]}")
            let file = try directory.write(configuration.yaml(address: "127.0.0.1:0"), to: "config.yml")
            expectFailure(try await mooring("plugin", "list", "--config", file), saying: ["/nowhere", "No such file"])
            expectFailure(try await mooring("config", "check", file), saying: ["/nowhere", "No such file"])
            expectFailure(try await mooring("serve", file), saying: ["/nowhere", "No such file"])
        }
    }

    @Test("A middleware's wrong option is named with its own line", .timeLimit(.minutes(1)))
    func middlewareOption() async throws {
        let library = try await PluginFixture.library("Tests/PluginContractTests/Fixtures/passthrough.c")
        try await withTemporaryDirectory { directory in
            let more = """
                plugins: {load: [\(library)]}
                middleware:
                  storage:
                    - name: passthrough
                      options:
                        nonsense: 1
                """
            let configuration = Configuration(storage: "inmemory: {}", more: more)
            let file = try directory.write(configuration.yaml(address: "127.0.0.1:0"), to: "config.yml")
            let yaml = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
            let line = try #require(yaml.firstIndex { $0.contains("nonsense") }) + 1
            for command in [["config", "check", file], ["serve", file]] {
                let result = try await Command.run(BuildProducts.server, command, timeout: .seconds(20))
                expectFailure(result, saying: ["\(file):\(line):", "nonsense"])
            }
        }
    }

    @Test(
        "A plugin that hangs doesn't keep the server from ending", .timeLimit(.minutes(1)),
        arguments: ["hang-start", "hang-stop"])
    func hangingPlugin(component: String) async throws {
        let library = try await PluginFixture.library("Tests/PluginContractTests/Fixtures/lifecycle.c")
        try await withTemporaryDirectory { directory in
            let port = try FreePort.take()
            let configuration = Configuration(
                storage: "\(component): {}", http: "draintimeout: 1s", more: "plugins: {load: [\(library)]}")
            let file = try directory.write(configuration.yaml(address: "127.0.0.1:\(port)"), to: "config.yml")
            let server = try ServerProcess(BuildProducts.server, ["serve", file], logFile: directory.path("log"))
            if component == "hang-start" {
                try await eventually("the start is said") { server.log.contains("starting storage.hang-start") }
                #expect(await server.terminate(grace: .seconds(5)) == .exited(0))
            } else {
                try await server.ready(port: port)
                server.signal(SIGTERM)
                try await eventually("the plugin is being stopped") { server.log.contains("stop ") }
                server.signal(SIGINT)
                #expect(await server.waitForEnd(within: .seconds(5)) == .exited(1))
                #expect(server.log.contains("ending at once"))
            }
        }
    }

    @Test("Without a configuration the server stores files in ./data", .timeLimit(.minutes(1)))
    func defaults() async throws {
        try await withTemporaryDirectory { directory in
            // Port 5000 may be somebody else's.
            let port = try FreePort.take()
            let server = try ServerProcess(
                BuildProducts.server, ["serve"], environment: ["REGISTRY_HTTP_ADDR": "127.0.0.1:\(port)"],
                directory: directory.path, logFile: directory.path("log"))
            try await server.ready(port: port)
            try await RawConnection.open(port: port).push(try await Blob("kept"), to: "app")
            #expect(await server.terminate() == .exited(0))
            #expect(FileManager.default.fileExists(atPath: directory.path("data/docker/registry/v2/blobs/sha256")))
            #expect(server.log.contains("127.0.0.1:\(port)"))
        }
    }
}
