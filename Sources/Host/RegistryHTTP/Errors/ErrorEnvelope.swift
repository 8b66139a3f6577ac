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
            case .number(let name, let value): text += ",\"detail\":{\(JSONText.quoted(name)):\(value)}"
            case nil: break
            }
            text += "}"
        }
        return ByteBuffer(string: text + "]}\n")
    }
}
