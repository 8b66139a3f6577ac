import Foundation
import Testing

@testable import RegistryConfiguration

@Suite("What is printed")
struct PrintingTests {
    @Test("The effective configuration names the origin of each value")
    func origins() {
        let shown = load(
            adding: "http: {addr: \":1\"}\nhealth: {storagedriver: {interval: 1s}}\nzzz: 1\nstorage2: x",
            environment: ["REGISTRY_LOG_LEVEL": "warn"]
        ).show()
        for (text, origin) in [
            ("version: 0.1", "config.yml:1"), ("  level: warn", "REGISTRY_LOG_LEVEL"),
            ("  addr: \":1\"", "config.yml:3"),
            ("    idle: 75s", "default"), ("  inmemory: {}", "config.yml:2"),
            ("    interval: 1s", "config.yml:4, not available yet, ignored"),
            ("zzz: 1", "config.yml:5, unknown key, ignored"),
        ] {
            #expect(
                shown.split(separator: "\n").contains { $0.hasPrefix(text) && $0.hasSuffix("  # \(origin)") },
                "\(shown)")
        }
    }

    @Test("Secrets are not printed")
    func secrets() {
        let loaded = load(
            """
            version: 0.1
            storage:
              s3: {accesskey: hunter2, secretkey: hunter2, keyid: visible1, regionendpoint: "https://me:hunter2@s3.local/",
                credentials: {type: hunter2, list: [hunter2]}, sse_customer_key: hunter2}
            auth: {token: {realm: visible2, nested: [{password: hunter2}]}}
            middleware: {storage: [{name: cloudfront, options: {privatekey: hunter2, baseurl: "https://a:hunter2@b"}}]}
            http: {secret: hunter2, tls: {certificate: visible3, key: visible4}}
            notifications: {endpoints: [{name: a, headers: {X: [hunter2]}, url: "http://hunter2@listener"}]}
            proxy: {password: hunter2, remoteurl: "https://x:hunter2/y@z"}
            redis: {password: hunter2}
            log: {hooks: [{options: {smtp: {password: hunter2}}}]}
            mysecret: hunter2
            """, environment: ["REGISTRY_REDIS_SENTINELPASSWORD": "hunter2", "REGISTRY_STORAGE_S3_SAS": "hunter2"])
        let shown = loaded.show()
        #expect(!(shown + loaded.report).contains("hunter2"), "\(shown)")
        for text in ["visible1", "visible2", "visible3", "visible4", "https://<secret>@s3.local/", "keyid"] {
            #expect(shown.contains(text), "\(shown)")
        }
    }

    @Test(
        "User information and queries of URLs are hidden",
        arguments: [
            ("https://a:b@c/d", "https://<secret>@c/d"), ("https://c/d", "https://c/d"), ("a@b", "a@b"),
            ("x https://a@b https://c:d@e", "x https://<secret>@b https://<secret>@e"), ("://@", "://<secret>@"),
            ("https://a/b?sig=x y", "https://a/b?<secret> y"), ("what? a?b", "what? a?b"),
            ("https://a:p@ss@c", "https://<secret>@c"), ("https://a:p@\u{301}c", "https://<secret>@\u{301}c"),
        ])
    func userInfo(text: String, hidden: String) {
        #expect(SecretMask.withoutCredentials(text) == hidden)
    }

    @Test("What is printed can be read again and means the same")
    func roundTrip() throws {
        let text = """
            version: 0.1
            storage:
              own: {a: "yes", b: yes, c: "12", d: 0x10, e: [1, [2, []], {x: {}, y: "a: #b"}], f: "", "g h": "\\u0085\\uFEFF\\n",
                "on": -, h: "-", i: "---", j: null, k: ~, l: [[{m: 1, n: [o]}]], "null": 'it''s'}
              delete: {enabled: on}
            middleware: {storage: [{name: a, options: {b: [c]}}, {name: d, disabled: true}]}
            http: {addr: "[::1]:0", headers: {X-A: [b, c], X-B: []}}
            plugins: {load: [/a.so, {path: /b.so}]}
            log: {fields: {a: "1"}}
            """
        let loaded = load(text)
        let configuration = try #require(loaded.configuration, "\(loaded.report)")
        let again = load(loaded.show())
        let second = try #require(again.configuration, "\(again.report)\n\(loaded.show())")
        #expect(second.storage.driver.options.json == configuration.storage.driver.options.json, "\(loaded.show())")
        #expect(second.storageMiddleware.map(\.options.json) == configuration.storageMiddleware.map(\.options.json))
        #expect(second.http == configuration.http)
        #expect(second.log == configuration.log)
        #expect(second.plugins.load.map(\.path) == configuration.plugins.load.map(\.path))
    }

    @Test("Keys are described one by one and by prefix")
    func description() throws {
        let tls = try #require(ConfigurationDescription.describe(prefix: "http.tls"))
        #expect(tls.contains("http.tls.minimumtls\n"))
        #expect(tls.contains("Value: one of tls1.2, tls1.3. Default: tls1.2."))
        #expect(!tls.contains("http.addr"))
        #expect(ConfigurationDescription.describe(prefix: "http.tl") == nil)
        #expect(ConfigurationDescription.describe(prefix: "storage.s3")?.hasPrefix("storage.<driver>\n") == true)
        #expect(ConfigurationDescription.nearest(to: "http.adr") == "http.addr")
        #expect(try #require(ConfigurationDescription.describe()).contains("redis.poolsize"))
    }

    @Test("The table holds each key once, with a text and a default of its type")
    func table() throws {
        #expect(Set(ConfigurationKey.all.map(\.path)).count == ConfigurationKey.all.count)
        for key in ConfigurationKey.all {
            #expect(key.text.hasSuffix("."), "\(key.path)")
            #expect(!key.text.contains("|") && !key.type.description.contains("|"), "\(key.path)")
            guard key.standard != nil else { continue }
            let node = try #require(key.standardNode, "\(key.path)")
            #expect(key.type.mismatches(node).isEmpty, "\(key.path)")
        }
    }

    @Test("Every part of a path has a row of its own")
    func rows() {
        func visit(_ schema: KeySchema, _ path: String) {
            for child in schema.children {
                #expect(child.key != nil, "\(path)\(child.name)")
                #expect(child.children.isEmpty || child.isSection, "\(path)\(child.name)")
                visit(child, "\(path)\(child.name).")
            }
        }
        visit(.root, "")
    }

    @Test("docs/configuration.md is the page that the table gives; MOORING_UPDATE_PAGES=1 writes it")
    func page() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let page = root.appending(path: "docs/configuration.md")
        let text = ConfigurationDescription.markdown()
        if ProcessInfo.processInfo.environment["MOORING_UPDATE_PAGES"] != nil {
            try Data(text.utf8).write(to: page)
        }
        #expect(try String(contentsOf: page, encoding: .utf8) == text)
    }
}
