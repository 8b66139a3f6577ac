import Testing

@testable import RegistryConfiguration

@Suite("YAML")
struct YAMLParserTests {
    @Test(
        "Plain scalars mean what yaml.v2 makes of them",
        arguments: [
            ("yes", "true"), ("On", "true"), ("y", "true"), ("TRUE", "true"), ("off", "false"), ("No", "false"),
            ("n", "false"), ("~", "null"), ("null", "null"), ("12", "12"), ("-7", "-7"), ("+7", "7"), ("0x1F", "31"),
            ("0o17", "15"), ("017", "15"), ("0b101", "5"), ("-0b11", "-3"), ("1_000", "1000"), ("08", "8.0"),
            ("1.5", "1.5"), (".5", "0.5"), ("5.", "5.0"), ("1e3", "1000.0"), ("1e999", "\"1e999\""),
            ("18446744073709551615", "18446744073709551615"), ("99999999999999999999", "1e+20"),
            ("nan", "\"nan\""), ("0x", "\"0x\""), ("0xg", "\"0xg\""), ("--1", "\"--1\""), ("+-1", "\"+-1\""),
            ("'yes'", "\"yes\""), ("\"12\"", "\"12\""), ("!!str 12", "\"12\""), ("!!int \"12\"", "12"),
            ("2001-01-01", "\"2001-01-01\""), ("1:30", "\"1:30\""), ("a\u{1}b".debugDescription, "\"a\\u0001b\""),
            ("١", "\"١\""), ("1١", "\"1١\""), ("TrUe", "\"TrUe\""),
        ])
    func scalars(text: String, json: String) throws {
        let text = text.replacing("\\u{01}", with: "\\x01")
        #expect(JSONText.of(try node(text)).text == json)
    }

    @Test("Maps and lists become JSON in their order, with the place of each value")
    func json() throws {
        let json = JSONText.of(try node("b: [1, {c/d: x}]\na: {}\nt: 0123\n\"q\\\"\": null\n"))
        #expect(json.text == #"{"b":[1,{"c/d":"x"}],"a":{},"t":83,"q\"":null}"#)
        #expect(json.origins["/b/1/c~1d"] == .file(name: "t", line: 1, column: 9))
        #expect(json.origins["/t"] == .file(name: "t", line: 3, column: 1))
        #expect(json.scalarTexts["/t"] == "0123")
        #expect(json.scalarTexts["/b/1/c~1d"] == nil)
    }

    @Test("Anchors, aliases and merge keys are expanded, and a map's own keys win")
    func aliases() throws {
        let text = """
            base: &base {a: 1, b: 2}
            other: &other {b: 3, c: 4}
            one: {<<: *base, b: 9}
            two: {<<: [*base, *other]}
            list: [*base]
            """
        let json = JSONText.of(try node(text)).text
        #expect(json.contains(#""one":{"b":9,"a":1}"#))
        #expect(json.contains(#""two":{"a":1,"b":2,"c":4}"#))
        #expect(json.contains(#""list":[{"a":1,"b":2}]"#))
    }

    @Test(
        "What is no acceptable YAML is refused with its place",
        arguments: [
            ("a: 1\nb: 2\na: 3", 3, "given before, in line 1"),
            ("a:\n\tb: 1", 2, "a tab cannot indent YAML"),
            ("a: \"x\\0y\"", 1, "NUL"),
            ("a: b\0c", 1, "not UTF-8 that YAML allows"),
            ("a: *nowhere", 1, "names no anchor"),
            ("&a [*a]", 1, "names no anchor"),
            ("? [x]\n: y", 1, "a key must be text"),
            ("a: !!binary aGk=", 1, "tag"),
            ("<<: 5", 1, "`<<`"),
            ("a: [1", 2, "did not find expected"),
            ("a: b: c", 1, "mapping values are not allowed"),
            ("? " + String(repeating: "k", count: 200) + "\n: v", 1, "longer than 128 bytes"),
            (String(repeating: "[", count: 65), 1, "deeper than 64"),
            (String(repeating: "[", count: 100_000), 1, "deeper than 64"),
            (String(repeating: "{a: ", count: 100_000), 1, "deeper than 64"),
            (String(repeating: "- ", count: 5000), 1, "deeper than 64"),
        ])
    func refused(text: String, line: Int, message: String) {
        let error = #expect(throws: YAMLError.self) { try node(text) }
        #expect(error?.line == line)
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    }

    @Test("Invalid UTF-8 is refused at its line")
    func invalidUTF8() {
        let error = #expect(throws: YAMLError.self) {
            try YAMLParser.parse(Array("a: b\nc: x".utf8) + [0xFF, 0xFE]) { _, _ in .standard }
        }
        #expect(error?.line == 2)
        #expect(error?.column == 5)
    }

    @Test("Aliases cannot multiply values or text without bound")
    func bombs() {
        var values = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...12 {
            let list = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            values += "a\(level): &a\(level) [\(list)]\n"
        }
        let text =
            "a: &a \(String(repeating: "x", count: 500_000))\nb: ["
            + Array(repeating: "*a", count: 1000).joined(separator: ",") + "]"
        for bomb in [values, text] {
            let error = #expect(throws: YAMLError.self) { try node(bomb) }
            #expect(error?.message.contains("with its aliases expanded") == true)
        }
    }

    @Test("Depth counts through aliases")
    func aliasDepth() {
        let deep = String(repeating: "[", count: 40) + "x" + String(repeating: "]", count: 40)
        let text = "a: &a \(deep)\nb: " + String(repeating: "[", count: 40) + "*a" + String(repeating: "]", count: 40)
        let error = #expect(throws: YAMLError.self) { try node(text) }
        #expect(error?.message.contains("deeper than 64") == true)
    }

    @Test("A text beyond 1 MiB is refused, whatever it holds")
    func tooLong() {
        let error = #expect(throws: YAMLError.self) { try node(String(repeating: "# x\n", count: 1 << 19)) }
        #expect(error?.message.contains("1048576") == true)
    }

    @Test("A byte order mark is no part of the first key")
    func byteOrderMark() throws {
        #expect(try node("\u{FEFF}a: 1").entries?.map(\.key) == ["a"])
    }

    @Test("A second document is seen and not read")
    func documents() throws {
        let document = try YAMLParser.parse(Array("a: 1\n---\n[[[".utf8)) { _, _ in .standard }
        #expect(document.secondDocumentLine == 2)
        #expect(document.root?.entries?.count == 1)
    }
}

@Suite("Durations")
struct GoDurationTests {
    @Test(
        "Go's syntax is read, to the limit of 64 bits",
        arguments: [
            ("0", 0), ("500ms", 500_000_000), ("1h30m", 5_400_000_000_000), ("1.5s", 1_500_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000), ("-2us", -2000), ("+3ns", 3), ("1µs", 1000), ("1μs", 1000),
            ("168h", 604_800_000_000_000),
            ("2562047h47m16.854775807s", Int64.max),
        ])
    func valid(text: String, nanoseconds: Int64) {
        #expect(GoDuration.nanoseconds(text) == nanoseconds)
    }

    @Test(
        "Anything else is no duration",
        arguments: [
            "", "-", "s", "5", ".s", "1d", "1h 30m", "1hour", "1..5s", "2562047h47m16.854775808s",
            "9223372036854775808ns",
            "99999999999999999999h", "1e3s", "١s", "0x1s", "--1s",
        ])
    func invalid(text: String) {
        #expect(GoDuration.nanoseconds(text) == nil)
    }
}
