import Glibc
public import PluginKit

/// Immutable bytes in one or more pieces, shared without a copy. Their memory is given back with the last reference.
public struct SharedBytes: @unchecked Sendable {
    // Sendable: the memory isn't written any more, and its owners may be released on every thread.
    struct Piece {
        /// Keeps the memory alive.
        let owner: AnyObject
        let bytes: UnsafeRawBufferPointer
    }

    let pieces: [Piece]
    /// How many bytes there are.
    public let count: Int

    /// No bytes.
    public init() { self.init(pieces: []) }

    init(pieces: [Piece]) {
        self.pieces = pieces
        count = pieces.reduce(0) { $0 + $1.bytes.count }
    }

    /// A copy of the bytes.
    public init(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else {
            self.init()
            return
        }
        let block = Block.allocate(bytes.count)
        bytes.withUnsafeBytes { block.memory.copyMemory(from: $0) }
        self.init(pieces: [Piece(owner: block, bytes: UnsafeRawBufferPointer(block.memory))])
    }

    /// A copy of the text's UTF-8.
    public init(_ text: String) { self.init(Array(text.utf8)) }

    /// Several one behind the other, without a copy.
    public init(joining parts: [SharedBytes]) { self.init(pieces: parts.flatMap(\.pieces)) }

    /// Some of the bytes, without a copy. What lies beyond the end is left out.
    public func slice(_ range: Range<Int>) -> SharedBytes {
        var kept: [Piece] = []
        var start = 0
        for piece in pieces {
            let part = range.clamped(to: start..<(start + piece.bytes.count))
            if !part.isEmpty {
                let bytes = UnsafeRawBufferPointer(
                    rebasing: piece.bytes[(part.lowerBound - start)..<(part.upperBound - start)])
                kept.append(Piece(owner: piece.owner, bytes: bytes))
            }
            start += piece.bytes.count
        }
        return SharedBytes(pieces: kept)
    }

    /// Whether there are none.
    public var isEmpty: Bool { count == 0 }

    /// Lends the pieces, one after the other; none is empty.
    public func withSegments<E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> Void) throws(E) {
        for piece in pieces { try withExtendedLifetime(piece.owner) { () throws(E) in try body(piece.bytes) } }
    }

    /// A copy as an array.
    public var array: [UInt8] {
        var array: [UInt8] = []
        array.reserveCapacity(count)
        withSegments { array.append(contentsOf: $0) }
        return array
    }

    /// The bytes as UTF-8, repaired where they aren't.
    public var text: String { String(decoding: array, as: UTF8.self) }

    /// The bytes for the host: without a copy if they are one piece.
    /// - Throws: `internalFailure` if there is no memory.
    public func owned() throws(PluginError) -> OwnedBytes {
        if pieces.count == 1 { return OwnedBytes(inside: pieces[0].owner, pieces[0].bytes) }
        return try OwnedBytes(capacity: count) { target in
            var end = 0
            withSegments { piece in
                UnsafeMutableRawBufferPointer(rebasing: target[end...]).copyMemory(from: piece)
                end += piece.count
            }
            return end
        }
    }
}
