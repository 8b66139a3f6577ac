import Testing

@testable import PluginKit

@Suite("Options of a plugin's component")
struct OptionsDecoderTests {
    private struct Options: Decodable, Equatable {
        struct Part: Decodable, Equatable {
            var name: String
            var weights: [Double]?
        }
        enum Mode: String, Decodable { case fast, safe }

        var text: String
        var count: UInt8?
        var flag: Bool?
        var mode: Mode?
        var parts: [Part]?
        var table: [String: Int]?
        var flexible: FlexibleInteger?

        static func == (left: Options, right: Options) -> Bool {
            left.text == right.text && left.count == right.count && left.flag == right.flag && left.mode == right.mode
                && left.parts == right.parts && left.table == right.table
                && left.flexible?.value == right.flexible?.value
        }
    }

    private let decoder = OptionsDecoder(
        schema: """
            {"properties":{"text":{},"count":{},"flag":{},"mode":{},"parts":{},"table":{},"flexible":{}},
             "additionalProperties":false}
            """)

    private func decode(_ text: String) throws(PluginError) -> Options {
        var text = text
        let result = text.withUTF8 { bytes in
            Result { () throws(PluginError) in try decoder.decode(Options.self, from: UnsafeRawBufferPointer(bytes)) }
        }
        return try result.get()
    }

    @Test("Every kind of value decodes")
    func everything() throws {
        let options = try decode(
            """
            {"text":"a\\u00e9","count":2e2,"flag":true,"mode":"safe","parts":[{"name":"x"},{"name":"y","weights":[1,0.5]}],
             "table":{"one":1,"two":2.0},"flexible":"12"}
            """)
        #expect(
            options
                == Options(
                    text: "aé", count: 200, flag: true, mode: .safe,
                    parts: [.init(name: "x"), .init(name: "y", weights: [1, 0.5])], table: ["one": 1, "two": 2],
                    flexible: FlexibleInteger(12)))
        #expect(try decode(#"{"text":"","count":null,"parts":[]}"#) == Options(text: "", parts: []))
        #expect(try decode(#"{"text":"","flexible":7}"#).flexible?.value == 7)
    }

    @Test(
        "What doesn't decode names its key",
        arguments: [
            ("{}", "text"), ("", "text"), (#"{"text":1}"#, "text"), (#"{"text":null}"#, "text"),
            (#"{"text":"","count":256}"#, "count"), (#"{"text":"","count":-1}"#, "count"),
            (#"{"text":"","count":1.5}"#, "count"), (#"{"text":"","count":"1"}"#, "count"),
            (#"{"text":"","flag":1}"#, "flag"), (#"{"text":"","mode":"other"}"#, "mode"),
            (#"{"text":"","parts":{}}"#, "parts"), (#"{"text":"","parts":[{"name":"x"},{}]}"#, "parts/1/name"),
            (#"{"text":"","parts":[{"name":"x","weights":[1,true]}]}"#, "parts/0/weights/1"),
            (#"{"text":"","table":[]}"#, "table"), (#"{"text":"","table":{"one":"1"}}"#, "table/one"),
            (#"{"text":"","flexible":"x"}"#, "flexible"), (#"{"text":"","txt":1}"#, "txt"), ("[]", ""), ("{", ""),
        ])
    func wrong(text: String, key: String) throws {
        let error = #expect(throws: PluginError.self) { try decode(text) }
        #expect(try #require(error).detailsJSON == "{\"pointer\":\"\(key.isEmpty ? "" : "/")\(key)\"}")
    }
}
