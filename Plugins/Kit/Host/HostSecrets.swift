import Glibc
import PluginABI

/// Secrets that a configuration names, such as "file:/run/secrets/key" (`moor.host.secret/1`). The bytes are wiped when
/// the value is gone; don't log them.
public struct HostSecrets: @unchecked Sendable {
    // Sendable: an immutable table whose functions may be called on every thread.
    private let service: UnsafePointer<moor_svc_secret>?

    init(_ service: UnsafePointer<moor_svc_secret>?) { self.service = service }

    /// The bytes of a secret. `notFound`: there is none of that name. `unsupported`: an unknown scheme, or a host without
    /// secrets.
    public func resolve(_ reference: String, _ call: CallContext) async throws -> OwnedBytes {
        guard let service else { throw HostSecrets.missing }
        let outcome = try await InnerCall.make(call) { inner, call in
            service.pointee.resolve(service.pointee.obj, call, inner.keep(reference), InnerCall.buffer)
        }
        guard case .buffer(let buffer) = outcome else { throw HostSecrets.missing }
        return OwnedBytes(taking: buffer)
    }

    /// As above, for blocking drivers: waits on the calling thread.
    public func resolveBlocking(_ reference: String, _ call: CallContext) throws(PluginError) -> OwnedBytes {
        guard let service else { throw HostSecrets.missing }
        let answer = BlockingAnswer()
        var raw = call.call.pointee
        raw.struct_size = UInt32(MemoryLayout<moor_call>.size)
        raw.done_ctx = Unmanaged.passUnretained(answer).toOpaque()
        var reference = reference
        reference.withUTF8 {
            service.pointee.resolve(service.pointee.obj, &raw, moor_str($0), BlockingAnswer.complete)
            answer.wait()
        }
        if let error = answer.error { throw error }
        return OwnedBytes(taking: answer.buffer)
    }

    private static var missing: PluginError {
        PluginError(.unsupported, "this host offers no secrets", noEffect: true)
    }
}

/// Waits on a thread for one completion.
private final class BlockingAnswer {
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
    private(set) var buffer = moor_buf()
    private(set) var error: PluginError?

    init() { sem_init(semaphore, 0, 0) }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func wait() { while sem_wait(semaphore) != 0 {} }

    static let complete: moor_done_buf = { context, error, buffer in
        guard let context else { return }
        let answer = Unmanaged<BlockingAnswer>.fromOpaque(context).takeUnretainedValue()
        if let error { answer.error = PluginError(error) } else if let buffer { answer.buffer = buffer.pointee }
        sem_post(answer.semaphore)
    }
}
