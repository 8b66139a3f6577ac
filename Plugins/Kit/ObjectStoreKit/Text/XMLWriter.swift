/// Writes an XML document for a store; texts are escaped.
public struct XMLWriter {
    private var text: String
    private let root: String

    /// A document whose outermost element is `root`.
    public init(root: String, namespace: String? = nil) {
        self.root = root
        let attribute = namespace.map { " xmlns=\"\(Self.escape($0))\"" } ?? ""
        text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<\(root)\(attribute)>"
    }

    /// Adds an element with a text.
    public mutating func element(_ name: String, _ content: String) {
        text += "<\(name)>\(Self.escape(content))</\(name)>"
    }

    /// Adds an element; what `body` adds stands inside.
    public mutating func element(_ name: String, _ body: (inout XMLWriter) -> Void) {
        text += "<\(name)>"
        body(&self)
        text += "</\(name)>"
    }

    /// The document.
    public consuming func bytes() -> [UInt8] { Array("\(text)</\(root)>".utf8) }

    /// Characters that XML can't hold at all, which no legal key has, become question marks.
    static func escape(_ content: String) -> String {
        var escaped = ""
        for scalar in content.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&apos;"
            case "\n", "\r", "\t": escaped += "&#\(scalar.value);"
            case _ where scalar.value < 0x20 || scalar.value == 0xFFFE || scalar.value == 0xFFFF: escaped += "?"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
