import NIOCore
import PluginABI
import RegistryStorage
import Synchronization

/// A storage driver as the C table that a middleware gets as its inner driver.
///
/// The driver of a plugin is passed as its own table: no cost, and the middleware's results are checked outside anyway. Any
/// other driver is called in a task per operation.
final class ExportedStorage: @unchecked Sendable {
    // @unchecked: the table is written once; drivers are safe to call from any thread.

    let table: UnsafeMutablePointer<moor_storage>
    private let driver: any StorageDriver
    private var box: Unmanaged<ExportedDriver>?

    init(_ driver: any StorageDriver) {
        self.driver = driver
        table = .allocate(capacity: 1)
        if let plugin = driver as? PluginStorageDriver, plugin.bypass == nil {
            var copy = plugin.table.withRefusals
            if plugin.policy.blocks { copy.exec_flags = copy.exec_flags & ~4 | 1 }
            table.initialize(to: copy)
            return
        }
        let box = Unmanaged.passRetained(ExportedDriver(driver))
        self.box = box
        table.initialize(to: ExportedDriver.table(box.toOpaque(), driver.capabilities))
    }

    deinit {
        box?.release()
        table.deallocate()
    }
}

/// What `obj` of an exported table stands for.
final class ExportedDriver: Sendable {
    let driver: any StorageDriver
    /// `close_writer` returns at once, but a writer may take its time to close.
    private let closing = Mutex<[ObjectIdentifier: Task<Void, Never>]>([:])

    init(_ driver: any StorageDriver) { self.driver = driver }

    func close(_ writer: any StorageWriter) {
        closing.withLock { closing in
            closing[ObjectIdentifier(writer)] = Task {
                await writer.close()
                self.closing.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(writer)) }
            }
        }
    }

    /// Waits until all writers are closed that somebody has closed before: what they suspend can be opened then.
    func waitForClosedWriters() async {
        for task in closing.withLock({ Array($0.values) }) { await task.value }
    }

    static func table(_ obj: UnsafeMutableRawPointer, _ capabilities: StorageCapabilities) -> moor_storage {
        var table = moor_storage()
        table.struct_size = UInt32(MemoryLayout<moor_storage>.size)
        // Descriptors are handed on by readers' files only inside the host.
        table.caps = capabilities.subtracting([.descriptorRead, .descriptorWrite]).rawValue
        table.obj = obj
        table.get_content = exportedGetContent
        table.put_content = exportedPutContent
        table.open_reader = exportedOpenReader
        table.open_writer = exportedOpenWriter
        table.stat_path = exportedStat
        table.list_page = exportedList
        table.move_path = exportedMove
        table.remove_path = exportedRemove
        table.redirect_url = exportedRedirect
        if capabilities.contains(.walk) { table.walk_page = exportedWalk }
        if capabilities.contains(.copy) { table.copy_path = exportedCopy }
        if capabilities.contains(.batchRemove) { table.remove_batch = exportedRemoveBatch }
        if capabilities.contains(.checksum) { table.checksum_path = exportedChecksum }
        return table
    }
}

/// A call into the host: its arguments live until the completion, which takes this context.
struct ExportedCall: @unchecked Sendable {
    // @unchecked: the pointers are used by the one task that completes the call.
    let exported: ExportedDriver
    let done: UnsafeMutableRawPointer?
    private let token: UnsafePointer<moor_cancel>

    var driver: any StorageDriver { exported.driver }

    init?(_ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>) {
        guard let obj else { return nil }
        self.init(Unmanaged<ExportedDriver>.fromOpaque(obj).takeUnretainedValue(), call)
    }

    init(_ exported: ExportedDriver, _ call: UnsafePointer<moor_call>) {
        self.exported = exported
        done = call.pointee.done_ctx
        token = call.pointee.cancel
    }

    /// Runs the operation in a task, which is cancelled when the call is; `complete` is called once with its result.
    func start<Value>(
        _ body: @escaping @Sendable () async throws -> Value,
        _ complete: @escaping @Sendable (Result<Value, StorageError>) -> Void
    ) {
        let call = self
        let relay = CancellationRelay()
        // Without a registration (0) the call just isn't cancelled midway.
        let registration = token.pointee.on_cancel(
            token.pointee.obj, cancelRelay, Unmanaged.passUnretained(relay).toOpaque())
        let task = Task {
            let result = await call.result(of: body)
            call.token.pointee.off_cancel(call.token.pointee.obj, registration)
            // The token has let go of the relay: off_cancel waits for a function that is running.
            relay.end()
            complete(result)
        }
        relay.begin(task)
    }

    private func result<Value>(
        of body: @Sendable () async throws -> Value
    ) async -> Result<Value, StorageError> {
        guard why == 0 else {
            return .failure(StorageError(.cancelled, "the call was cancelled", driver: driver.name))
        }
        do {
            return .success(try await body())
        } catch let error as StorageError {
            guard error.code == .cancelled, why == StorageError.Code.timeout.rawValue else { return .failure(error) }
            var late = error
            late.code = .timeout
            return .failure(late)
        } catch {
            return .failure(StorageError(.internal, "\(error)", driver: driver.name))
        }
    }

    /// 0, or the code of the cancellation.
    private var why: Int32 { token.pointee.is_cancelled(token.pointee.obj) }
}

/// Cancels the task of a call when its token says so.
private final class CancellationRelay: Sendable {
    private struct State {
        var task: Task<Void, Never>?
        var isCancelled = false
        var hasEnded = false
    }

    private let state = Mutex(State())

    func begin(_ task: Task<Void, Never>) {
        let isCancelled = state.withLock { state in
            if !state.hasEnded { state.task = task }
            return state.isCancelled
        }
        if isCancelled { task.cancel() }
    }

    func cancel() {
        let task = state.withLock { state in
            state.isCancelled = true
            return state.task
        }
        task?.cancel()
    }

    func end() {
        state.withLock { state in
            state.hasEnded = true
            state.task = nil
        }
    }
}

private func cancelRelay(_ context: UnsafeMutableRawPointer?, _ why: moor_code) {
    if let context { Unmanaged<CancellationRelay>.fromOpaque(context).takeUnretainedValue().cancel() }
}

extension StorageError {
    /// Passes the error to a completion; everything is borrowed by it.
    func withTable(_ body: (UnsafePointer<moor_error>) -> Void) {
        var (message, vendor) = (message, vendorCode)
        var details = durableOffset.map { "{\"durable_offset\":\($0)}" } ?? ""
        message.withUTF8 { message in
            vendor.withUTF8 { vendor in
                details.withUTF8 { details in
                    var error = moor_error()
                    error.struct_size = UInt32(MemoryLayout<moor_error>.size)
                    error.code = code.rawValue
                    error.flags = abiFlags
                    error.os_errno = systemError
                    error.retry_after_ms = abiRetryAfter
                    error.message = moor_str(message)
                    error.vendor_code = moor_str(vendor)
                    error.details_json = moor_bytes(ptr: details.baseAddress, len: details.count)
                    withUnsafePointer(to: &error, body)
                }
            }
        }
    }
}

extension moor_str {
    /// Borrows text; valid as long as the buffer is.
    init(_ utf8: UnsafeBufferPointer<UInt8>) {
        let pointer = UnsafeRawPointer(utf8.baseAddress)?.assumingMemoryBound(to: CChar.self)
        self.init(ptr: pointer, len: utf8.count)
    }

    /// The text, repaired where it isn't UTF-8: a path that was repaired is refused as one.
    var string: String {
        String(decoding: UnsafeRawBufferPointer(start: ptr, count: ptr == nil ? 0 : max(0, len)), as: UTF8.self)
    }
}

extension moor_bytes {
    var array: [UInt8] { [UInt8](UnsafeRawBufferPointer(start: ptr, count: ptr == nil ? 0 : max(0, len))) }
}

extension StorageCondition {
    init?(_ condition: UnsafePointer<moor_precond>?) {
        guard let condition else { return nil }
        if condition.pointee.flags & 1 != 0 {
            self = .ifAbsent
        } else if condition.pointee.flags & 2 != 0 {
            self = .ifMatch(condition.pointee.etag.string)
        } else {
            return nil
        }
    }
}
