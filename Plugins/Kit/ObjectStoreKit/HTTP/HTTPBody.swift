/// What a request sends. It can be sent again for a retry, and is never copied for it.
public enum HTTPBody: Sendable {
    /// Nothing.
    case none
    /// Something small.
    case bytes([UInt8])
    /// Something large, such as a part of an upload.
    case shared(SharedBytes)
    /// Memory of somebody who waits for the response.
    case lent(LentBytes)
    /// One behind the other.
    indirect case pieces([HTTPBody])

    /// A text's UTF-8.
    public static func text(_ text: String) -> HTTPBody { .bytes(Array(text.utf8)) }

    /// How many bytes there are.
    public var count: Int {
        switch self {
        case .none: 0
        case .bytes(let bytes): bytes.count
        case .shared(let bytes): bytes.count
        case .lent(let lent): lent.bytes.count
        case .pieces(let bodies): bodies.reduce(0) { $0 + $1.count }
        }
    }

    /// Lends the pieces, one after the other.
    public func withSegments(_ body: (UnsafeRawBufferPointer) -> Void) {
        switch self {
        case .none: break
        case .bytes(let bytes): bytes.withUnsafeBytes { body($0) }
        case .shared(let bytes): bytes.withSegments { body($0) }
        case .lent(let lent): if !lent.bytes.isEmpty { body(lent.bytes) }
        case .pieces(let bodies): for part in bodies { part.withSegments(body) }
        }
    }

    /// The SHA-256 of all of it, for signatures.
    public var sha256: [UInt8] {
        var state = DigestState(.sha256)
        withSegments { state.update($0) }
        return state.finish()
    }

    /// The pieces as the engine reads them.
    var content: SharedBytes {
        switch self {
        case .none: SharedBytes()
        case .bytes(let bytes): SharedBytes(bytes)
        case .shared(let bytes): bytes
        case .lent(let lent):
            lent.bytes.isEmpty
                ? SharedBytes() : SharedBytes(pieces: [.init(owner: LentBytes.nobody, bytes: lent.bytes)])
        case .pieces(let bodies): SharedBytes(joining: bodies.map(\.content))
        }
    }
}

/// Memory that its owner keeps alive and unchanged until the call that it is given to returns. After that the engine
/// doesn't touch it any more, however the call ended.
public struct LentBytes: @unchecked Sendable {
    // Sendable: by that promise.
    let bytes: UnsafeRawBufferPointer

    fileprivate final class Nobody: Sendable {}
    fileprivate static let nobody = Nobody()

    /// Lends bytes.
    public init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }
}
