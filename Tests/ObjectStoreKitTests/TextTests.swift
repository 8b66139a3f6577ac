import Testing

@testable import ObjectStoreKit

@Suite("XML and JSON of stores")
struct TextTests {
    private func parse(_ text: String, _ change: (inout XMLLimits) -> Void = { _ in }) throws -> XMLElement {
        var limits = XMLLimits()
        change(&limits)
        return try XMLElement.parse(SharedBytes(text), limits: limits)
    }

    @Test("A listing is a tree of names and texts, whatever its namespaces")
    func listing() throws {
        let root = try parse(
            """
            <?xml version="1.0" encoding="UTF-8"?>
            <s:List xmlns:s="http://s3.amazonaws.com/doc/2006-03-01/" truncated="no"><Name>b&amp;c</Name>
            <!-- nothing --><Contents><Key>a&#x41;&lt;</Key></Contents><Contents><Key><![CDATA[<raw>]]></Key></Contents>
            </s:List>
            """)
        #expect(root.name == "List")
        #expect(root["Name"]?.text == "b&c")
        #expect(root.all("Contents").map { $0["Key"]?.text } == ["aA<", "<raw>"])
        #expect(root.find("Contents", "Key")?.text == "aA<")
        #expect(root.find("Contents", "Size") == nil)
    }

    @Test("A document in several pieces is read as one")
    func pieces() throws {
        let body = SharedBytes(joining: [SharedBytes("<a><b>on"), SharedBytes("e</b></a>")])
        #expect(try XMLElement.parse(body)["b"]?.text == "one")
    }

    static let laughs: String = {
        let entities = (1...9).map { "<!ENTITY l\($0) \"\(String(repeating: "&l\($0 - 1);", count: 10))\">" }
        return "<!DOCTYPE x [<!ENTITY l0 \"ha\">\(entities.joined())]><x>&l9;</x>"
    }()

    @Test(
        "What could do harm is refused",
        arguments: [
            Self.laughs,
            "<!DOCTYPE x [<!ENTITY f SYSTEM \"file:///etc/passwd\">]><x>&f;</x>",
            "<!DOCTYPE x SYSTEM \"http://127.0.0.1:1/x.dtd\"><x/>",
            "<!DOCTYPE x [<!ENTITY % p SYSTEM \"http://127.0.0.1:1/x\"> %p;]><x/>",
            "<!DOCTYPE x><x/>",
            "<x>&unknown;</x>",
        ])
    func hostile(text: String) {
        let error = #expect(throws: StoreError.self) { _ = try parse(text) }
        #expect(error?.kind == .corrupt)
        #expect(error?.message.contains("root:") == false)
    }

    @Test(
        "What isn't well formed is an error",
        arguments: [
            "", " ", "x", "<x>", "<x></y>", "<x/><y/>", "<x>\u{1}</x>", "<x><y></x></y>", "<x", "<Error><Code>Slow",
        ])
    func malformed(text: String) {
        let error = #expect(throws: StoreError.self) { _ = try parse(text) }
        #expect(error?.kind == .corrupt)
    }

    @Test("Bytes that aren't UTF-8 are an error, whatever the document says of itself")
    func encodings() {
        let latin = Array("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><x>".utf8) + [0xE9] + Array("</x>".utf8)
        #expect(throws: StoreError.self) { _ = try XMLElement.parse(SharedBytes(latin)) }
        let wide = "<x/>".utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
        #expect(throws: StoreError.self) { _ = try XMLElement.parse(SharedBytes([0xFF, 0xFE] + wide)) }
    }

    @Test("Depth, number and size are limited")
    func limits() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "<a>", count: depth) + String(repeating: "</a>", count: depth)
        }
        #expect(try parse(nested(32)).name == "a")
        #expect(throws: StoreError.self) { _ = try parse(nested(33)) }
        #expect(throws: StoreError.self) { _ = try parse(nested(100_000)) }
        let many = "<a>" + String(repeating: "<b/>", count: 100_000) + "</a>"
        #expect(throws: StoreError.self) { _ = try parse(many) }
        #expect(try parse(many) { $0.elements = 200_000 }.children.count == 100_000)
        let large = "<a>" + String(repeating: "x", count: 1 << 20) + "</a>"
        #expect(try parse(large).text.utf8.count == 1 << 20)
        #expect(throws: StoreError.self) { _ = try parse(large) { $0.bytes = 1 << 20 } }
    }

    @Test("What is written can be read, whatever the text")
    func writer() throws {
        let text = "a<b>&\"'\r\n\té\u{1F600}]]>"
        var writer = XMLWriter(root: "Delete", namespace: "urn:x\"y")
        writer.element("Quiet", "true")
        writer.element("Object") { $0.element("Key", text) }
        let root = try XMLElement.parse(SharedBytes(writer.bytes()))
        #expect(root.find("Object", "Key")?.text == text)
        #expect(root["Quiet"]?.text == "true")
        #expect(XMLWriter.escape("a\u{0}b\u{FFFF}") == "a?b?")
    }

    private struct Token: Codable, Equatable {
        var token: String
        var expires: Int
    }

    @Test("JSON is read and written")
    func json() throws {
        let token = try JSON.decode(Token.self, SharedBytes(#"{"token":"t","expires":3,"more":[1,{}]}"#))
        #expect(token == Token(token: "t", expires: 3))
        #expect(try JSON.encode(token) == Array(#"{"expires":3,"token":"t"}"#.utf8))
    }

    @Test(
        "JSON that isn't as expected is an error that shows no value",
        arguments: [
            #"{"token":"s3cr3t"}"#, #"{"token":"s3cr3t","expires":"s3cr3t"}"#, #"{"token":"s3cr3t""#, "", "s3cr3t",
        ])
    func badJSON(text: String) {
        let error = #expect(throws: StoreError.self) { _ = try JSON.decode(Token.self, SharedBytes(text)) }
        #expect(error?.kind == .corrupt)
        #expect(error?.message.contains("s3cr3t") == false)
    }
}
