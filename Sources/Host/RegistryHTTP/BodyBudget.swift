import HTTPServer
import NIOCore
import RegistryCore
import RegistryModel
import Synchronization

/// Bounds the memory of bodies that must be whole before they are used, such as manifests: in the process, and for each
/// connection, which may have a hundred streams. What finds no room is answered 503 and may be tried again.
///
/// Bytes count when they have come, not when they are announced: announcing costs a client nothing.
final class BodyBudget: Sendable {
    private struct State {
        var held = 0
        var heldByPeer: [String: Int] = [:]
        /// When there was no room, last.
        var refusedAt: ContinuousClock.Instant?
    }

    /// Up to this a body is small. A quarter of the room is for small ones alone, which nearly all manifests are.
    private static let small = 64 * 1024
    /// A body that has taken this long makes room for others when there is none.
    private static let patience = Duration.seconds(30)

    private let total: Int
    private let perConnection: Int
    private let state = Mutex(State())

    /// Room for a fair number of bodies of `limit` bytes.
    convenience init(limit: Int) {
        self.init(total: max(64 << 20, limit.multipliedSaturating(by: 4)), perConnection: max(16 << 20, limit))
    }

    init(total: Int, perConnection: Int) {
        self.total = total
        self.perConnection = perConnection
    }

    /// Bytes that are in memory now.
    var held: Int { state.withLock(\.held) }

    /// Uses the whole body of a request, which counts until `use` returns.
    ///
    /// - Parameter limit: bytes of the body, at most
    func withBody<Value: Sendable>(
        of request: HTTPRequest, limit: Int, _ use: (ByteBuffer) async throws -> Value
    ) async throws -> Value {
        var share = Share(peer: request.remoteAddress)
        defer { release(share) }
        return try await use(collect(request.body, limit: limit, &share))
    }

    private struct Share {
        let peer: String
        let start = ContinuousClock.now
        var bytes = 0
    }

    private func collect(_ body: HTTPRequestBody, limit: Int, _ share: inout Share) async throws -> ByteBuffer {
        if let length = body.declaredLength, length > UInt64(max(0, limit)) { throw Self.tooLarge(limit) }
        var bytes = ByteBuffer()
        do {
            while let batch = try await body.next() {
                let count = batch.reduce(0) { $0 + $1.readableBytes }
                guard bytes.readableBytes + count <= limit else { throw Self.tooLarge(limit) }
                guard reserve(count, &share) else { throw Self.noRoom }
                for var slice in batch { bytes.writeBuffer(&slice) }
            }
        } catch let error as HTTPRequestBodyError {
            var failure = RegistryError(.manifestInvalid, "the body ended early: \(error)")
            failure.status = 400
            throw failure
        }
        return bytes
    }

    private func reserve(_ count: Int, _ share: inout Share) -> Bool {
        let isSmall = share.bytes + count <= Self.small
        let room = isSmall ? total : total - total / 4
        let now = ContinuousClock.now
        let isGiven = state.withLock { state in
            let ofPeer = state.heldByPeer[share.peer, default: 0] + count
            // All clients of a unix socket are one peer.
            let isFair = ofPeer <= perConnection || share.peer == "unix"
            let isPressed = state.refusedAt.map { now - $0 < Self.patience } ?? false
            let isLate = isPressed && now - share.start > Self.patience
            guard isFair, !isLate, state.held + count <= room else {
                if isFair, !isLate { state.refusedAt = now }
                return false
            }
            state.held += count
            state.heldByPeer[share.peer] = ofPeer
            return true
        }
        if isGiven { share.bytes += count }
        return isGiven
    }

    private func release(_ share: Share) {
        guard share.bytes > 0 else { return }
        state.withLock { state in
            state.held -= share.bytes
            let ofPeer = state.heldByPeer[share.peer, default: 0] - share.bytes
            state.heldByPeer[share.peer] = ofPeer > 0 ? ofPeer : nil
        }
    }

    private static func tooLarge(_ limit: Int) -> RegistryError {
        var error = RegistryError(.manifestInvalid, "the manifest has more than \(limit) bytes")
        error.status = 413
        return error
    }

    private static var noRoom: RegistryError {
        var error = RegistryError(.unavailable, "too many manifests are being received at once")
        error.retryAfter = .seconds(1)
        return error
    }
}

extension Int {
    fileprivate func multipliedSaturating(by factor: Int) -> Int {
        let (product, overflow) = multipliedReportingOverflow(by: factor)
        return overflow ? Int.max : product
    }
}
