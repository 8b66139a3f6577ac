import Testing

@testable import RegistryConfiguration

@Suite("Hostile input")
struct HostileInputTests {
    /// SplitMix64: the same inputs in each run.
    private struct Sequence: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var value = state
            value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
            return value ^ (value >> 31)
        }
    }

    private static let corpus = [
        "version: 0.1\nlog: {level: debug, fields: {a: 1}}\nstorage:\n  filesystem: {rootdirectory: /d}\n  delete: {enabled: true}\n",
        "version: 0.1\nstorage: {s3: {bucket: b, chunksize: 0x10, x: [1.5, ~, 1e400]}}\nhttp:\n  addr: :5000\n  draintimeout: 1h1m1s\n",
        "version: 0.1\nstorage: inmemory\nauth: {token: {realm: a}}\nmiddleware:\n  storage:\n    - name: a\n      options: {b: c}\n",
        "a: &a {b: 1}\nversion: 0.1\nstorage: &s\n  x: *a\nhttp: {<<: *a, headers: {X: [y]}, tls: {certificate: a, key: b}}\n",
        "version: 0.1\nplugins: {load: [/a, {path: /b, sha256: 00}]}\nhttp: {limits: {uploadbytes: 1GiB}, host: \"https://a:b@c\"}\n",
        "%YAML 1.1\n---\nversion: \"0.1\"\nstorage: !!str inmemory\nredis: {addrs: [a:1]}\n...\n---\nx\n",
        "\u{FEFF}version: 0.1 # c\nstorage: {'in\\u006dem': |\n  block\n }\nproxy: {ttl: -1s, remoteurl: >-\n  folded\n }\n",
    ]

    private static let fragments = [
        "{", "}", "[", "]", ":", "- ", "&a ", "*a", "<<: *a", "!!int ", "\t", "\0", "\n", "\"", "'", "|\n", ">\n", "? ",
        "# ", "%",
        "99999999999999999999", "-9223372036854775808", "9223372036854775807h", ".nan", "0x", "~", "http:", "auth:",
        "\\u0000",
        "storage:", "\u{85}", "\u{2028}", "🐋", "1e308", "---\n", "...\n", "KiB", "://@",
    ]

    @Test("Mutated files give issues or a configuration, and never a crash", arguments: 1...4)
    func mutations(seed: UInt64) {
        var random = Sequence(state: seed)
        let names = [
            "REGISTRY_HTTP", "REGISTRY_STORAGE", "REGISTRY_STORAGE_S3_X_0", "REGISTRY_HTTP_TLS",
            "REGISTRY_MIDDLEWARE_STORAGE_1_NAME",
            "REGISTRY_HTTP_DRAINTIMEOUT", "REGISTRY_LOG_FIELDS_A_B", "REGISTRY_PLUGINS_LOAD_0_PATH",
        ]
        for _ in 0..<1500 {
            let text = mutated(&random)
            let value = String(decoding: mutated(&random).prefix(40), as: UTF8.self)
            let environment = Bool.random(using: &random) ? [names.randomElement(using: &random) ?? "": value] : [:]
            let loaded = ConfigurationSource.load(text: text, name: "fuzz", environment: environment)
            #expect(loaded.configuration != nil || loaded.issues.contains { $0.severity == .error })
            #expect(!loaded.show().isEmpty)
            #expect(loaded.issues.allSatisfy { !$0.description.contains("\n") && !$0.message.isEmpty })
        }
    }

    private func mutated(_ random: inout Sequence) -> [UInt8] {
        var bytes = Array((Self.corpus.randomElement(using: &random) ?? "").utf8)
        for _ in 0..<Int.random(in: 0...6, using: &random) {
            let position = Int.random(in: 0...bytes.count, using: &random)
            switch Int.random(in: 0...4, using: &random) {
            case 0: bytes.insert(UInt8.random(in: 0...255, using: &random), at: position)
            case 1: bytes.removeSubrange(position..<min(bytes.count, position + Int.random(in: 0...20, using: &random)))
            case 2:
                bytes.insert(contentsOf: Array((Self.fragments.randomElement(using: &random) ?? "").utf8), at: position)
            case 3 where position < bytes.count: bytes[position] ^= 1 << UInt8.random(in: 0...7, using: &random)
            default:
                let end = min(bytes.count, position + Int.random(in: 0...40, using: &random))
                bytes.insert(
                    contentsOf: Array(bytes[position..<end]), at: Int.random(in: 0...bytes.count, using: &random))
            }
        }
        return bytes
    }

    @Test("The deepest file and the deepest variable together are read and printed")
    func deepest() throws {
        let list = String(repeating: "[", count: 59) + "x" + String(repeating: "]", count: 59)
        let value = String(repeating: "[", count: 63) + "zz" + String(repeating: "]", count: 63)
        let name = "REGISTRY_STORAGE_OWN" + String(repeating: "_B", count: 30)
        let loaded = load("version: 0.1\nstorage: {own: {a: \(list)}}", environment: [name: value])
        let json = try #require(loaded.configuration, "\(loaded.report)").storage.driver.options.json
        #expect(json.contains("x") && json.contains("zz"))
        #expect(loaded.show().contains("- - - - zz"))
    }

    @Test("Long and deep files end in one error")
    func large() {
        let deep = (0..<200).map { String(repeating: " ", count: $0) + "a:\n" }.joined()
        let many = "version: 0.1\n" + (0..<60_000).map { "k\($0): 1\n" }.joined()
        for text in [String(repeating: "x", count: 2 << 20), deep, many, String(repeating: "a: [", count: 5000)] {
            let loaded = load(text)
            #expect(loaded.configuration == nil)
            #expect(loaded.issues.count == 1, "\(loaded.report.prefix(500))")
        }
    }

    @Test(
        "Only addresses with a port are addresses",
        arguments: [
            "", ":", ":x", "5000", "a:b:1", "[::1]", "[::1", "[]:1", "[a]:1", "::1:5000", ":65536", ":-1", ":+1",
            "a b:1", "a/b:1", ":١",
            ":999999999999999999999",
        ])
    func addresses(text: String) {
        #expect(ListenAddress(text) == nil)
    }

    @Test(
        "Addresses are printed as they are written", arguments: [":5000", "[::1]:5000", "localhost:0", "0.0.0.0:65535"])
    func addressText(text: String) {
        #expect(ListenAddress(text)?.description == text)
    }

    @Test(
        "The nearest key is found, and none where nothing is near",
        arguments: [
            ("adr", "addr"), ("ADDR", "addr"), ("drd", nil), ("relativurl", "relativeurls"), ("", nil), ("zzzz", nil),
        ])
    func nearest(name: String, key: String?) {
        #expect(EditDistance.nearest(to: name, among: ["addr", "relativeurls", "tls"]) == key)
    }
}
