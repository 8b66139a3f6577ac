import Glibc

/// Where an upload stands in its body.
struct UploadCursor {
    private let body: SharedBytes
    private var piece = 0
    private var offset = 0
    private(set) var remaining: Int

    init(_ body: SharedBytes) {
        self.body = body
        remaining = body.count
    }

    /// Copies the next bytes; returns how many.
    mutating func read(into target: UnsafeMutableRawBufferPointer) -> Int {
        var filled = 0
        while filled < target.count, piece < body.pieces.count {
            let source = UnsafeRawBufferPointer(rebasing: body.pieces[piece].bytes[offset...])
            let part = UnsafeRawBufferPointer(rebasing: source.prefix(target.count - filled))
            UnsafeMutableRawBufferPointer(rebasing: target[filled...]).copyMemory(from: part)
            filled += part.count
            offset += part.count
            if part.count == source.count { (piece, offset) = (piece + 1, 0) }
        }
        remaining -= filled
        return filled
    }

    /// Goes to a place counted from the beginning; false if there is none.
    mutating func seek(to position: Int64) -> Bool {
        guard position >= 0, position <= body.count else { return false }
        var rest = Int(position)
        (piece, offset) = (0, 0)
        remaining = body.count - rest
        while piece < body.pieces.count, rest >= body.pieces[piece].bytes.count {
            rest -= body.pieces[piece].bytes.count
            piece += 1
        }
        offset = rest
        return true
    }
}
