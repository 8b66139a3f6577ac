import NIOCore
import RegistryCore
import RegistryModel

/// The JSON that errors are answered with: `{"errors":[{"code":…,"message":…,"detail":…}]}` (OCI Distribution Spec,
/// "Error Codes").
enum ErrorEnvelope {
    static func json(_ error: RegistryError) -> ByteBuffer {
        var text = "{\"errors\":["
        for (index, item) in ([error] + error.others).enumerated() {
            if index > 0 { text += "," }
            text += "{\"code\":\"\(item.code.rawValue)\",\"message\":\(JSONText.quoted(item.message))"
            switch item.detail {
            case .text(let value): text += ",\"detail\":\(JSONText.quoted(value))"
            case .fields(let fields): text += ",\"detail\":\(JSONText.object(fields))"
            case nil: break
            }
            text += "}"
        }
        return ByteBuffer(string: text + "]}\n")
    }
}

/// JSON written by hand: the few shapes that answers have, without an encoder on the way.
enum JSONText {
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    static func object(_ fields: [String: String]) -> String {
        let pairs = fields.sorted { $0.key < $1.key }.map { "\(quoted($0.key)):\(quoted($0.value))" }
        return "{\(pairs.joined(separator: ","))}"
    }

    static func array(_ values: [String]) -> String { "[\(values.map(quoted).joined(separator: ","))]" }
}
