import RegistryModel
import Testing

@testable import RegistryCore

@Suite("Regular expressions of configurations")
struct LinearPatternTests {
    @Test(
        "They mean what they mean in Go",
        arguments: [
            // expression, texts that match, texts that don't
            ("", ["", "x"], []),
            ("abc", ["abc", "xabcx"], ["ab", "ABC"]),
            ("^abc$", ["abc"], ["xabc", "abcx", "abc\n"]),
            ("a.c", ["abc", "a/c"], ["ac", "a\nc"]),
            (
                "^https?://(?:[^/]+\\.)?example\\.com/", ["https://example.com/", "http://a.b.example.com/x"],
                ["https://example.org/", "https://evilexample.com/x", "ftp://example.com/"]
            ),
            ("^(a|bc|)d$", ["ad", "bcd", "d"], ["abcd", "bd"]),
            ("^a{2,3}$", ["aa", "aaa"], ["a", "aaaa"]),
            ("^a{2}$", ["aa"], ["a", "aaa"]),
            ("^a{2,}$", ["aa", "aaaaaa"], ["a"]),
            ("^a{,2}$", ["a{,2}"], ["aa"]),
            ("^(ab)*$", ["", "abab"], ["aba"]),
            ("^a+?b??$", ["aab", "a"], ["b"]),
            ("^[a-c-]+$", ["a-c"], ["d"]),
            ("^[]a]+$", ["]a"], ["b"]),
            ("^[^a-z]$", ["A", "é"], ["a", ""]),
            ("^[\\d.]+$", ["1.2"], ["a"]),
            ("^[[:alpha:]][[:^digit:]]$", ["ab", "a-"], ["a1", "1a"]),
            ("^\\w\\W\\s\\S\\D$", ["a- xx"], ["aa xx"]),
            ("\\bfoo\\b", ["foo", "a foo b"], ["foobar", "_foo"]),
            ("\\Bfoo", ["xfoo"], ["foo", "x foo"]),
            ("(?i)^ExAmPle$", ["EXAMPLE", "example"], ["exampel"]),
            ("^(?i:a)b$", ["Ab", "ab"], ["AB"]),
            ("^((?i)a)b$", ["Ab"], ["AB"]),
            ("(?m)^b$", ["a\nb\nc"], ["ab"]),
            ("(?s)a.b", ["a\nb"], []),
            ("(?P<name>x)y(?<other>z)", ["xyz"], ["xz"]),
            ("^\\Qa.b*\\E+$", ["a.b*", "a.b**"], ["axb*"]),
            ("\\Ax\\z", ["x"], ["xx"]),
            ("^\\x41\\x{1F600}\\t$", ["A\u{1F600}\t"], ["A"]),
            ("^(?:a|b)+(?:c|d)*$", ["abcd", "b"], ["c"]),
            ("^(a*)*$", ["", "aaa"], ["b"]),
            ("x*", ["", "y"], []),
            ("^\\/\\-\\.$", ["/-."], ["/-x"]),
        ] as [(String, [String], [String])])
    func meaning(expression: String, matching: [String], other: [String]) throws {
        let pattern = try LinearPattern(expression)
        for text in matching { #expect(pattern.matches(text), "\(text)") }
        for text in other { #expect(!pattern.matches(text), "\(text)") }
    }

    @Test(
        "What is no expression is an error that says so",
        arguments: [
            "(", ")", "a)", "(?:a", "[", "[a", "[]", "[b-a]", "[\\d-z]", "*", "+a", "?", "a**", "a{1001}", "a{3,2}",
            "a{2}{3}", "\\", "\\1", "\\pL", "\\y", "(?=a)", "(?!a)", "(?<=a)", "(?#x)", "[[:nothing:]]", "\\x4",
            "\\x{}", "\\x{110000}", "((((a{9}){9}){9}){9}){9}", "(?P<a-b>x)", "(?P<a",
            String(repeating: "(", count: 100_000),
        ])
    func errors(expression: String) {
        #expect(throws: PatternError.self) { try LinearPattern(expression) }
    }

    @Test("Expressions that make others take for ever take a step for each character", .timeLimit(.minutes(1)))
    func linear() throws {
        let text = String(repeating: "a", count: 2000)
        for expression in ["^(a+)+$", "^(a|aa)+$", "^(a|a?)+$", "(.*a){20}$", "^(([a-z])+.)+[A-Z]([a-z])+$"] {
            let pattern = try LinearPattern(expression)
            #expect(!pattern.matches(text + "!"))
        }
    }

    @Test("Nothing repeated many times is compiled once")
    func nothing() throws {
        #expect(try LinearPattern("((((){1000}){1000}){1000}){1000}").matches("x"))
    }
}

@Suite("URLs of layers")
struct URLRuleTests {
    @Test("Without rules every URL of a web server is taken, and nothing else")
    func any() {
        for url in ["http://a", "https://a.b:8080/x?y=z", "HTTPS://a/"] { #expect(URLRules.any.accepts(url), "\(url)") }
        for url in [
            "", "x", "ftp://a/b", "https://", "https:///x", "https:a", "https://a/#x", "https://a/ b", "file:///x",
            "https://a/\u{e9}", "https://a/\n", "://a", "https://" + String(repeating: "a", count: 2048),
        ] { #expect(!URLRules.any.accepts(url), "\(url)") }
    }

    @Test("As a configuration gives them: nothing allowed allows none, deny alone allows the rest")
    func rules() throws {
        let none = try URLRules(allow: [], deny: [])
        let allowed = try URLRules(allow: ["^https://a/", "b"], deny: [])
        let denied = try URLRules(allow: [], deny: ["secret"])
        let both = try URLRules(allow: ["^https://a/"], deny: ["secret"])
        let cases: [(String, [Bool])] = [
            ("https://a/x", [false, true, true, true]), ("https://c/x", [false, false, true, false]),
            ("http://c/b", [false, true, true, false]), ("https://a/secret", [false, true, false, false]),
        ]
        for (url, expected) in cases {
            #expect([none, allowed, denied, both].map { $0.accepts(url) } == expected, "\(url)")
        }
        #expect(throws: PatternError.self) { try URLRules(allow: ["["], deny: []) }
        #expect(throws: PatternError.self) { try URLRules(allow: [], deny: ["["]) }
    }

    private func manifest(_ type: MediaType, urls: [String]) throws -> Manifest {
        let config = Image.descriptor("application/vnd.oci.image.config.v1+json", "{}")
        let list = urls.map { "\"\($0)\"" }.joined(separator: ",")
        let layer = Image.descriptor(type.rawValue, "layer", #","urls":[\#(list)]"#)
        let text = #"{"schemaVersion":2,"config":\#(config),"layers":[\#(layer)]}"#
        return try Manifest(parsing: text.utf8, contentType: .ociManifest)
    }

    @Test("They hold for layers of images, one error for each URL; other content may say what it wants")
    func violations() throws {
        let rules = try URLRules(allow: ["^https://good/"], deny: [])
        let urls = ["https://good/x", "https://bad/x", "ftp://good/"]
        for type in [MediaType.ociLayer, .ociLayerGzip, .ociLayerZstd, .ociForeignLayer, .dockerForeignLayer] {
            let errors = try rules.violations(in: try manifest(type, urls: urls))
            #expect(errors.map(\.code) == [.manifestInvalid, .manifestInvalid])
            #expect(errors.map(\.detail) == [.text("https://bad/x"), .text("ftp://good/")])
        }
        #expect(try rules.violations(in: try manifest(MediaType("application/x"), urls: urls)).isEmpty)
        let many = Array(repeating: "https://good/", count: 257)
        #expect(throws: RegistryError.self) { try rules.violations(in: try manifest(.ociForeignLayer, urls: many)) }
    }
}
