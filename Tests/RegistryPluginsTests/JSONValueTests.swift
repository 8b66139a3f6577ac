import Logging
import Testing

@testable import RegistryPlugins

@Suite("JSON that plugins and configurations bring")
struct JSONValueTests {
    private func parse(_ text: String) throws -> JSONValue { try JSONValue(parsing: [UInt8](text.utf8)) }

    @Test("Every kind of value is read")
    func kinds() throws {
        let value = try parse(#" {"a":[null,true,false,-7,1.5,"x"],"b":{},"c":[]} "#)
        #expect(
            value
                == .object([
                    "a": .array([
                        .null, .bool(true), .bool(false), .integer(-7), .number(1.5, literal: "1.5"), .string("x"),
                    ]), "b": .object([:]), "c": .array([]),
                ]))
    }

    @Test(
        "What is written again is the same value, keys in order",
        arguments: [
            (#"{"b":1,"a":[]}"#, #"{"a":[],"b":1}"#), (#""a\"\\\/\n\u0001\u00e9""#, #""a\"\\/\n\u0001é""#),
            ("[1.0, -0, 1e2, 0.1, 18446744073709551615]", "[1,0,100,0.1,18446744073709551615]"), ("null", "null"),
        ])
    func text(source: String, written: String) throws {
        let value = try parse(source)
        #expect(value.text == written)
        #expect(try parse(value.text) == value)
    }

    @Test(
        "What is no JSON, or could be read in two ways, is refused",
        arguments: [
            "", " ", "{", "[1", "[1,]", #"{"a"}"#, #"{"a":1,}"#, #"{"a":1,"a":2}"#, "nul", "truth", "01", "+1", "1.",
            "-",
            "1e999", "'a'", "\"\u{1}\"", #""\x""#, "1 2", "\u{FEFF}1",
        ])
    func refused(text: String) {
        #expect(throws: JSONValue.Malformed.self) { try parse(text) }
    }

    @Test("Bytes that are no UTF-8, and too deep nesting, are refused")
    func hostile() throws {
        #expect(throws: JSONValue.Malformed.self) { try JSONValue(parsing: [0x22, 0xFF, 0x22]) }
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(try parse(nested(128)).text == nested(128))
        #expect(throws: JSONValue.Malformed.self) { try parse(nested(129)) }
    }
}

@Suite("What a plugin finds in options")
struct ValidationReportTests {
    @Test(
        "A report that is not what it should be is the plugin's error",
        arguments: [
            "", "[]", #"{"errors":{}}"#, #"{"errors":[{}]}"#, #"{"errors":["x"]}"#, #"{"warnings":[{"message":1}]}"#,
        ])
    func malformed(text: String) {
        #expect(throws: PluginError.self) { try ValidationReport(json: [UInt8](text.utf8), plugin: "p") }
    }

    @Test("The first error is told with its key; a report without errors is good")
    func errors() throws {
        let bad = try ValidationReport(
            json: [UInt8](#"{"errors":[{"pointer":"/a/b","code":"x","message":"is wrong"}]}"#.utf8), plugin: "p")
        let error = #expect(throws: PluginError.self) { try bad.check(logger: .init(label: "test")) }
        #expect(error?.option == "/a/b")
        #expect("\(try #require(error))".contains("option \"a.b\": is wrong"))
        for good in ["{}", #"{"errors":null,"warnings":[]}"#, #"{"errors":[]}"#] {
            try ValidationReport(json: [UInt8](good.utf8), plugin: "p").check(logger: .init(label: "test"))
        }
    }
}
