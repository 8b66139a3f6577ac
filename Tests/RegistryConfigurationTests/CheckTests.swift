import Testing

@testable import RegistryConfiguration

@Suite("Checks")
struct CheckTests {
    @Test(
        "What is wrong is an error with its line",
        arguments: [
            (
                "http: {relativeurls: 5}",
                "config.yml:3:22: error: http.relativeurls: found the number 5, expected true or false"
            ),
            ("http: {relativeurls: \"true\"}", "found the text \"true\", expected true or false"),
            ("http: {draintimeout: fast}", "found the text \"fast\", expected a duration"),
            ("http: {draintimeout: -1s}", "expected a duration"),
            ("http: {draintimeout: 99999999999h}", "expected a duration"),
            ("http: {threads: 1.5}", "found the number 1.5, expected a whole number from 0 to 1024"),
            ("http: {threads: 99999999999999999999}", "expected a whole number from 0 to 1024"),
            ("http: {threads: [1]}", "found a list, expected a whole number"),
            ("http: {addr: 5000}", "config.yml:3:14: error: http.addr: found \"5000\", expected host:port"),
            ("http: {addr: \":99999\"}", "expected host:port"),
            ("http: {addr: \"::1:5000\"}", "expected host:port"),
            ("http: {net: udp}", "expected one of tcp, unix"),
            ("http: {net: unix}", "expected the path of a socket"),
            ("http: {host: registry.example.com}", "expected an http or https URL"),
            ("http: {host: \"https://u@registry.example.com\"}", "expected a URL without user"),
            ("http: {prefix: /a/../b/}", "expected a plain path"),
            ("http: {headers: {X-A: b}}", "http.headers.X-A: found the text \"b\", expected a list of texts"),
            ("http: {headers: {\"X A\": [b]}}", "is not the name of a header"),
            ("http: {headers: {X-A: [\"b\\r\\nc: d\"]}}", "cannot hold control characters"),
            ("http: {tls: {certificate: a.pem}}", "http.tls.key: missing"),
            ("http: {tls: {key: a.pem}}", "http.tls.certificate: missing"),
            ("http: {tls: {minimumtls: tls1.0}}", "expected one of tls1.2, tls1.3"),
            ("http: {tls: {ciphersuites: [TLS_NULL]}}", "http.tls.ciphersuites[0]: found the text \"TLS_NULL\""),
            (
                "http: {tls: {clientcas: [ca.pem]}}",
                "http.tls.clientcas: not available yet; the server refuses to start"
            ),
            ("http: {tls: {clientauth: request-client-cert}}", "http.tls.clientauth: not available yet"),
            ("http: {tls: {letsencrypt: {email: a@example.com}}}", "http.tls.letsencrypt: not available yet"),
            (
                "http: {tls: {clientca: [ca.pem]}}",
                "error: http.tls.clientca: unknown key; did you mean http.tls.clientcas?"
            ),
            ("http: {tsl: {certificate: a}}", "error: http.tsl: unknown key; did you mean http.tls?"),
            ("auht: {htpasswd: {}}", "config.yml:3:1: error: auht: unknown key; did you mean auth?"),
            ("access: {rules: []}", "error: access: not available yet"),
            (
                "auth: {htpasswd: {}, token: {}}",
                "exactly one auth backend, found \"htpasswd\" (config.yml:3:8) and \"token\""
            ),
            ("auth: [token]", "auth: found a list, expected a map"),
            ("auth: {token: 5}", "auth.token: found the number 5, expected a map of options"),
            ("tags: {maxtags: -1}", "tags.maxtags: found the number -1, expected a whole number"),
            ("middleware: {storage: [{options: {}}]}", "middleware.storage[0].name: needs the name"),
            ("middleware: {storage: {name: x}}", "found a map, expected a list"),
            ("middleware: {storage: [5]}", "middleware.storage[0]: found the number 5, expected a map"),
            ("plugins: {directories: [plugins]}", "\"plugins\" is not an absolute path"),
            ("plugins: {load: [libx.so]}", "plugins.load[0].path: needs the absolute path"),
            ("plugins: {load: [{path: /a.so, sha256: abc}]}", "expected 64 hexadecimal digits"),
            ("log: {level: loud}", "expected one of error, warn, info, debug"),
            ("log: verbose", "log: found the text \"verbose\", expected a map"),
            ("health: {storagedriver: {interval: often}}", "health.storagedriver.interval: found the text \"often\""),
            ("validation: {manifests: {urls: {allow: [null]}}}", "validation.manifests.urls.allow[0]: found nothing"),
            ("http: {limits: {headerbytes: 1KiB}}", "expected a size like 64KiB from 4096 to 16777216"),
            ("http: {limits: {uploadbytes: 99999999999TiB}}", "expected a size"),
            ("http: {timeouts: {idle: 0}}", "expected a duration like 1m30s of at least 1ms"),
        ])
    func errors(text: String, message: String) {
        let loaded = load(adding: text)
        #expect(loaded.configuration == nil)
        #expect(loaded.messages(.error).contains { $0.contains(message) }, "\(loaded.report)")
    }

    @Test(
        "What may be meant otherwise is a warning, and the server starts",
        arguments: [
            (
                "http: {adr: \":1\"}",
                "config.yml:3:8: warning: http.adr: unknown key, ignored; did you mean http.addr?"
            ),
            ("zzz: 1", "zzz: unknown key, ignored"),
            ("auth:", "names no backend"),
            ("auth: {}", "names no backend"),
            ("policy: {repository: {classes: [image]}}", "policy: not available yet, ignored"),
            ("proxy: {remoteurl: https://registry-1.docker.io}", "config.yml:3:1: warning: proxy: not available yet"),
            ("redis: {addr: a}", "redis.addr: unknown key, ignored; did you mean redis.addrs?"),
            ("middleware: {registry: [{name: x}]}", "middleware.registry: not available yet"),
            ("http: {tls: {minimumtls: tls1.3}}", "http.tls: has no certificate, so that TLS is off"),
            (
                "http: {tls: {certificate: a, key: b, minimumtls: tls1.3, ciphersuites: [TLS_AES_128_GCM_SHA256]}}",
                "has no effect with TLS 1.3"
            ),
            ("---\nb: 1", "config.yml:3:1: warning: a second document begins here"),
        ])
    func warnings(text: String, message: String) {
        let loaded = load(adding: text)
        #expect(loaded.configuration != nil, "\(loaded.report)")
        #expect(loaded.messages(.warning).contains { $0.contains(message) }, "\(loaded.report)")
    }

    @Test(
        "What asks for nothing that is missing is silent",
        arguments: [
            "auth: none", "auth: {none: {}}",
            "log: {hooks: [], reportcaller: off}",
            "notifications: {}", "http: {tls: {clientcas: []}}", "log: {reportcaller: false, hooks: []}",
            "http: {prefix: /}",
            "http:", "http: {secret: null}", "log: {level: INFO}", "http: {addr: \"[::1]:5000\"}",
            "http: {draintimeout: 5}",
        ])
    func silent(text: String) {
        let loaded = load(adding: text)
        #expect(loaded.configuration != nil)
        #expect(loaded.issues.isEmpty, "\(loaded.report)")
    }

    @Test(
        "A file as a whole can be wrong",
        arguments: [
            ("", "found nothing, expected a map"), ("# only this", "found nothing"),
            ("- a", "found a list, expected a map"),
            ("text", "expected a map"), ("storage: inmemory", "config.yml:1:1: error: version: missing"),
            (
                "version: 0.2\nstorage: inmemory",
                "config.yml:1:10: error: version: found the number 0.2, expected one of 0.1"
            ),
            ("version: 0.1", "storage: names no storage driver"), ("version: 0.1\nstorage:", "names no storage driver"),
            ("version: 0.1\nstorage: {delete: {enabled: true}}", "names no storage driver"),
            (
                "version: 0.1\nstorage: {s3: {}, gcs: {}}",
                "exactly one storage driver, found \"s3\" (config.yml:2:11) and \"gcs\""
            ),
            ("version: 0.1\nstorage: {s3: {}, delte: {enabled: true}}", "is \"delte\" meant to be storage.delete?"),
            ("version: 0.1\nstorage: {\"\": {}}", "exactly one storage driver"),
            ("version: 0.1\nstorage: {s3: here}", "storage.s3: found the text \"here\", expected a map of options"),
            ("version: 0.1\nstorage: {s3: {x: .inf}}", "config.yml:2:16: error: storage.s3/x: infinity"),
            ("version: 0.1\nversion: 0.1", "config.yml:2:1: error: the key \"version\" was given before, in line 1"),
        ])
    func whole(text: String, message: String) {
        let loaded = load(text)
        #expect(loaded.configuration == nil)
        #expect(loaded.messages(.error).contains { $0.contains(message) }, "\(loaded.report)")
    }

    @Test("Every mistake is reported at once")
    func together() {
        let loaded = load("storage: {a: {}, b: {}}\nhttp: {addr: x, threads: y}\nlog: {level: z}")
        #expect(Set(loaded.issues.map(\.path)) == ["version", "storage", "http.addr", "http.threads", "log.level"])
    }

    @Test("Values are read as their keys' types want them")
    func typed() throws {
        let text = """
            http: {addr: /run/registry.sock, net: unix, secret: 0123, host: "https://r.example.com/", prefix: hub,
              draintimeout: 1500000000, limits: {uploadbytes: 10GiB, headerbytes: 0x2000}, threads: 1e1}
            catalog: {maxentries: -5}
            tags: {maxtags: 0}
            loglevel: warn
            plugins: {load: [/a.so, {path: /b.so, sha256: \(String(repeating: "AB", count: 32))}], directories: [/p]}
            """
        let loaded = load(adding: text)
        let configuration = try #require(loaded.configuration, "\(loaded.report)")
        #expect(configuration.http.address == .unix(path: "/run/registry.sock"))
        #expect(configuration.http.secret == "0123")
        #expect(configuration.http.host == "https://r.example.com")
        #expect(configuration.http.prefix == "/hub/")
        #expect(configuration.http.drainTimeout == .milliseconds(1500))
        #expect(configuration.http.limits.uploadBytes == 10 << 30)
        #expect(configuration.http.limits.headerBytes == 8192)
        #expect(configuration.http.threads == 10)
        #expect(configuration.catalogMaxEntries == 1000)
        #expect(configuration.tagsMaxTags == 1000)
        #expect(configuration.log.level == .warn)
        #expect(configuration.plugins.directories == ["/p"])
        #expect(configuration.plugins.load.map(\.path) == ["/a.so", "/b.so"])
        #expect(configuration.plugins.load.last?.sha256 == String(repeating: "ab", count: 32))
    }

    @Test("A message neither repeats a secret nor drives a terminal")
    func messages() {
        let loaded = load(
            adding: """
                http: {secret: [hunter2], host: "ftp://user:hunter2@example.com", headers: {Authorization: hunter2}}
                redis: {password: {a: hunter2}}
                "bad\\e[31m\\nkey": 1
                """)
        #expect(loaded.messages(.error).count == 4, "\(loaded.report)")
        #expect(!loaded.report.contains("hunter2"))
        #expect(!loaded.report.contains("\u{1B}"))
        #expect(loaded.issues.allSatisfy { !$0.description.contains("\n") })
    }
}
