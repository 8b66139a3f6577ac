/// What a document may be at most.
public struct XMLLimits: Sendable {
    /// Elements inside elements.
    public var depth = 32
    /// Elements.
    public var elements = 100_000
    /// Bytes of the document.
    public var bytes = 16 << 20

    /// The defaults.
    public init() {}
}

/// An element of an XML document that came from a store, with all that is inside. Prefixes and namespaces are left out;
/// attributes too, since no answer of a store says anything by them.
public struct XMLElement: Sendable {
    /// The local name.
    public let name: String
    /// The element's own text, without that of its children.
    public let text: String
    /// The elements inside, in their order.
    public let children: [XMLElement]

    /// The first child of a name.
    public subscript(name: String) -> XMLElement? { children.first { $0.name == name } }

    /// All children of a name.
    public func all(_ name: String) -> [XMLElement] { children.filter { $0.name == name } }

    /// The first of a name at each step: `find("Error", "Code")`.
    public func find(_ path: String...) -> XMLElement? {
        var found: XMLElement? = self
        for name in path { found = found?[name] }
        return found
    }

    /// Reads a document in UTF-8.
    ///
    /// A document type, and with it every entity of the document's own, is refused, and nothing is ever fetched.
    /// - Throws: `.corrupt` if the document isn't well formed, or beyond the limits.
    public static func parse(_ body: SharedBytes, limits: XMLLimits = XMLLimits()) throws(StoreError) -> XMLElement {
        try XMLBuilder(limits).parse(body)
    }
}
