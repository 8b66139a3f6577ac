import Synchronization

/// Counts the bytes of request bodies that have come and that no responder has taken: of one HTTP/2 connection, which may
/// have a hundred streams, and of all. Above a limit a stream is read only while its responder waits for bytes.
final class BodyMemory: Sendable {
    private let limit: Int
    private let all: BodyMemory?
    private let held = Atomic<Int>(0)

    /// - Parameter all: what these bytes count for as well.
    init(limit: Int, partOf all: BodyMemory? = nil) {
        self.limit = limit
        self.all = all
    }

    /// Whether nothing should be read ahead.
    var isPressed: Bool { held.load(ordering: .relaxed) >= limit || all?.isPressed == true }

    /// Notes bytes that came, or with a negative count that went.
    func add(_ count: Int) {
        held.wrappingAdd(count, ordering: .relaxed)
        all?.add(count)
    }
}
