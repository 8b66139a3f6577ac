import PluginABI
import Synchronization

/// What `moor_instance.obj` stands for. The roles override what differs between blocking and async drivers.
class Instance: @unchecked Sendable {
    // Sendable: immutable but for the atomics; the subclasses hold to that.
    let gate: OperationGate
    private let stopping = Atomic<Bool>(false)

    init(gate: OperationGate) { self.gate = gate }

    /// `MOOR_EXEC_*` of the lifecycle functions.
    var executionFlags: UInt32 { 0 }
    /// The most operations at once; 0: no limit.
    var maximumConcurrency: UInt32 { 0 }
    /// Fills the table of a role.
    func interface(_ id: moor_str, _ out: UnsafeMutableRawPointer) -> moor_code { moor_code(MOOR_E_UNSUPPORTED) }
    /// Opens for business.
    func start(_ call: UnsafePointer<moor_call>, _ done: moor_done_void) { done(call.pointee.done_ctx, nil) }
    /// Says how it is.
    func health(_ call: UnsafePointer<moor_call>, _ done: moor_done_buf) {
        give(Health(.ok).json, to: done, call.pointee.done_ctx)
    }
    /// Ends, once all operations are out; `completion` says so.
    func stop(_ completion: @escaping @Sendable () -> Void) { gate.close(then: completion) }

    /// The table; it owns the instance until destroy.
    func table() -> moor_instance {
        var table = moor_instance()
        table.struct_size = UInt32(MemoryLayout<moor_instance>.size)
        table.exec_flags = executionFlags
        table.max_concurrency = maximumConcurrency
        table.obj = Unmanaged.passRetained(self).toOpaque()
        table.get_interface = { obj, id, out in
            Instance.from(obj)?.interface(id, out) ?? moor_code(MOOR_E_UNSUPPORTED)
        }
        table.start = { obj, call, done in
            guard let instance = Instance.from(obj) else {
                return missingObject.withCError { done(call.pointee.done_ctx, $0) }
            }
            instance.start(call, done)
        }
        table.reconfigure = { _, call, _, done in
            let context = call.pointee.done_ctx
            PluginError.unsupported.withCError { done(context, $0) }
        }
        table.health = { obj, call, done in
            guard let instance = Instance.from(obj) else {
                return missingObject.withCError { done(call.pointee.done_ctx, $0, nil) }
            }
            instance.health(call, done)
        }
        table.stop = { obj, call, done in Instance.stop(obj, call, done) }
        table.destroy = { obj in
            guard let obj else { return }
            let instance = Unmanaged<Instance>.fromOpaque(obj).takeRetainedValue()
            instance.gate.closeAndWait()
        }
        return table
    }

    private static func stop(
        _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ done: moor_done_void
    ) {
        // Sendable by hand: the context is handed back as it came, and nothing else is done with it.
        nonisolated(unsafe) let context = call.pointee.done_ctx
        guard let instance = from(obj), !instance.stopping.exchange(true, ordering: .relaxed) else {
            return done(context, nil)
        }
        instance.stop { done(context, nil) }
    }

    private static func from(_ obj: UnsafeMutableRawPointer?) -> Instance? {
        obj.map { Unmanaged<Instance>.fromOpaque($0).takeUnretainedValue() }
    }
}

/// An instance whose driver runs on the calling thread.
final class BlockingInstance: Instance, @unchecked Sendable {
    private let storage: BlockingStorage
    private let flags: UInt32

    init(_ driver: any BlockingStorageDriver, execution: UInt32) {
        let gate = OperationGate()
        storage = BlockingStorage(driver, execution: execution, gate: gate)
        flags = execution & MOOR_EXEC_BLOCKING
        super.init(gate: gate)
    }

    override var executionFlags: UInt32 { flags }

    override var maximumConcurrency: UInt32 { storage.driver.maximumConcurrency }

    override func interface(_ id: moor_str, _ out: UnsafeMutableRawPointer) -> moor_code {
        guard isInterface(id, MOOR_IF_STORAGE) else { return moor_code(MOOR_E_UNSUPPORTED) }
        return fillTable(out, from: storage.table()) ? moor_code(MOOR_OK) : moor_code(MOOR_E_VERSION)
    }

    override func start(_ call: UnsafePointer<moor_call>, _ done: moor_done_void) {
        let context = call.pointee.done_ctx
        perform(Unmanaged.passUnretained(storage).toOpaque(), call) { storage, call throws(PluginError) in
            try storage.driver.start(call)
            done(context, nil)
        } failed: {
            done(context, $0)
        }
    }

    override func health(_ call: UnsafePointer<moor_call>, _ done: moor_done_buf) {
        let context = call.pointee.done_ctx
        perform(Unmanaged.passUnretained(storage).toOpaque(), call) { storage, call throws(PluginError) in
            let health = try storage.driver.health(call)
            withUnsafePointer(to: try OwnedBytes(health.json).take()) { done(context, nil, $0) }
        } failed: {
            done(context, $0, nil)
        }
    }

    override func stop(_ completion: @escaping @Sendable () -> Void) {
        let driver = storage.driver
        gate.close {
            driver.stop()
            completion()
        }
    }
}
