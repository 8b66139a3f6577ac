import CXML2

/// Makes a tree of what libxml2 reports.
final class XMLBuilder {
    private struct Open {
        let name: String
        var text: [UInt8] = []
        var children: [XMLElement] = []
    }

    private let limits: XMLLimits
    private var open: [Open] = []
    private var root: XMLElement?
    private var count = 0
    private var refusal = "it has a document type or an entity"

    /// libxml2 wants to be set up before threads use it at once.
    private static let isReady: Bool = {
        xmlInitParser()
        return true
    }()

    init(_ limits: XMLLimits) { self.limits = limits }

    func parse(_ body: SharedBytes) throws(StoreError) -> XMLElement {
        guard body.count <= limits.bytes, body.count <= Int32.max else {
            throw Self.malformed("it has more than \(limits.bytes) bytes")
        }
        // The parser wants one piece, which is what the engine makes of a body whose length it knows.
        let bytes = body.pieces.count == 1 ? [] : body.array
        let result = Self.isReady ? Int(run(body, bytes)) : Int(SHIM_XML_NO_MEMORY)
        switch result {
        case Int(SHIM_XML_OK): break
        case Int(SHIM_XML_REFUSED): throw Self.malformed(refusal)
        case Int(SHIM_XML_NO_MEMORY): throw StoreError(.internalFailure, "no memory for an XML document")
        default: throw Self.malformed("it isn't well formed")
        }
        guard let root else { throw Self.malformed("it is empty") }
        return root
    }
}

extension XMLBuilder {
    private func run(_ body: SharedBytes, _ copy: [UInt8]) -> Int32 {
        var receiver = shim_xml_receiver(
            context: Unmanaged.passUnretained(self).toOpaque(),
            began: { XMLBuilder.from($0)?.began($1, $2) ?? 1 },
            text: { XMLBuilder.from($0)?.add($1, $2) ?? 1 },
            ended: { XMLBuilder.from($0)?.ended() ?? 1 })
        func parse(_ bytes: UnsafeRawBufferPointer) -> Int32 {
            guard let start = bytes.baseAddress else { return Int32(SHIM_XML_MALFORMED) }
            return shim_xml_parse(start.assumingMemoryBound(to: CChar.self), Int32(clamping: bytes.count), &receiver)
        }
        return withExtendedLifetime(self) {
            if let piece = body.pieces.first, body.pieces.count == 1 {
                withExtendedLifetime(piece.owner) { parse(piece.bytes) }
            } else {
                copy.withUnsafeBytes { parse($0) }
            }
        }
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> XMLBuilder? {
        context.map { Unmanaged<XMLBuilder>.fromOpaque($0).takeUnretainedValue() }
    }

    private func began(_ name: UnsafePointer<CChar>, _ length: Int) -> Int32 {
        count += 1
        if open.count >= limits.depth { return refuse("its elements are nested more than \(limits.depth) deep") }
        if count > limits.elements { return refuse("it has more than \(limits.elements) elements") }
        let name = UnsafeRawBufferPointer(start: name, count: length)
        open.append(Open(name: String(decoding: name, as: UTF8.self)))
        return 0
    }

    private func add(_ bytes: UnsafePointer<CChar>, _ count: Int) -> Int32 {
        guard let last = open.indices.last else { return 0 }
        open[last].text.append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: count))
        return 0
    }

    private func ended() -> Int32 {
        guard let last = open.popLast() else { return refuse("an element ends that didn't begin") }
        let element = XMLElement(
            name: last.name, text: String(decoding: last.text, as: UTF8.self), children: last.children)
        if let parent = open.indices.last { open[parent].children.append(element) } else { root = element }
        return 0
    }

    private func refuse(_ why: String) -> Int32 {
        refusal = why
        return 1
    }

    private static func malformed(_ why: String) -> StoreError {
        StoreError(.corrupt, "the store's XML can't be read: \(why)", cause: .response)
    }
}
