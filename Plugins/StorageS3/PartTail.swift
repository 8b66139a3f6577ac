import ObjectStoreKit

/// The bytes of a part that isn't whole: in a buffer that grows, or fixed, as they came from an earlier session or were
/// tried to be stored. Never both.
struct PartTail: ~Copyable {
    private var fixed: SharedBytes
    private var buffer: PartBuffer?

    init(_ bytes: SharedBytes) {
        fixed = bytes
        buffer = nil
    }

    var count: Int {
        switch buffer {
        case .none: fixed.count
        case .some(let buffer): buffer.count
        }
    }

    /// Whether there is room for more.
    var isOpen: Bool {
        switch buffer {
        case .none: false
        case .some(let buffer): !buffer.isFull
        }
    }

    /// Goes on in a buffer, which must have room for what there is.
    mutating func open(_ empty: consuming PartBuffer) throws(StoreError) {
        let before = fix()
        try before.withSegments { segment throws(StoreError) in
            guard try empty.append(segment) == segment.count else {
                throw StoreError(.internalFailure, "a part's buffer is too small")
            }
        }
        fixed = SharedBytes()
        buffer = consume empty
    }

    /// Appends what fits.
    mutating func append(_ bytes: UnsafeRawBufferPointer) throws(StoreError) -> Int {
        guard var open = buffer.take() else { throw StoreError(.internalFailure, "a part has no buffer") }
        do throws(StoreError) {
            let count = try open.append(bytes)
            buffer = consume open
            return count
        } catch {
            buffer = consume open
            throw error
        }
    }

    /// The bytes, which stay.
    mutating func fix() -> SharedBytes {
        if let open = buffer.take() { fixed = open.freeze() }
        return fixed
    }

    /// The bytes, which go.
    mutating func take() -> SharedBytes {
        let bytes = fix()
        fixed = SharedBytes()
        return bytes
    }
}
