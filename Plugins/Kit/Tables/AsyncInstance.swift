import PluginABI
import Synchronization

/// An instance whose driver is async.
final class AsyncInstance: Instance, @unchecked Sendable {
    // Sendable: see Instance.
    private let storage: AsyncStorage

    init(_ driver: any StorageDriver, host: Host) {
        let gate = OperationGate()
        storage = AsyncStorage(driver, executor: HostExecutor(host), gate: gate)
        super.init(gate: gate)
    }

    override var maximumConcurrency: UInt32 { storage.driver.maximumConcurrency }

    override func interface(_ id: moor_str, _ out: UnsafeMutableRawPointer) -> moor_code {
        guard isInterface(id, MOOR_IF_STORAGE) else { return moor_code(MOOR_E_UNSUPPORTED) }
        return fillTable(out, from: storage.table()) ? moor_code(MOOR_OK) : moor_code(MOOR_E_VERSION)
    }

    override func start(_ call: UnsafePointer<moor_call>, _ done: moor_done_void) {
        launch(storage, call) { driver, call in
            try await driver.start(call)
        } succeeded: { context, _ in
            done(context, nil)
        } failed: {
            done($0, $1)
        }
    }

    override func health(_ call: UnsafePointer<moor_call>, _ done: moor_done_buf) {
        launch(storage, call) { driver, call in
            try OwnedBytes(try await driver.health(call).json).take()
        } succeeded: { context, buffer in
            withUnsafePointer(to: buffer) { done(context, nil, $0) }
        } failed: {
            done($0, $1, nil)
        }
    }

    override func stop(_ completion: @escaping @Sendable () -> Void) {
        storage.stop(completion)
    }
}

extension AsyncStorage {
    /// Cancels what is in flight, waits for it, stops the driver.
    func stop(_ completion: @escaping @Sendable () -> Void) {
        gate.close { [self] in
            Task.detached(executorPreference: executor) {
                await self.driver.stop()
                completion()
            }
        }
        cancelAll()
    }
}

/// An instance that wraps another storage. What it wraps comes with the host's call of `wrap`.
final class MiddlewareInstance: Instance, @unchecked Sendable {
    // Sendable: see Instance; the storage is guarded by its lock.
    private let make: @Sendable (InnerStorage) throws(PluginError) -> StorageMiddleware
    private let host: Host
    private let storage = Mutex<AsyncStorage?>(nil)

    init(host: Host, make: @escaping @Sendable (InnerStorage) throws(PluginError) -> StorageMiddleware) {
        self.make = make
        self.host = host
        super.init(gate: OperationGate())
    }

    override func interface(_ id: moor_str, _ out: UnsafeMutableRawPointer) -> moor_code {
        guard isInterface(id, MOOR_IF_MIDDLEWARE) else { return moor_code(MOOR_E_UNSUPPORTED) }
        var table = moor_middleware()
        table.obj = Unmanaged.passUnretained(self).toOpaque()
        table.wrap = { obj, inner, out in
            guard let obj else { return moor_code(MOOR_E_INTERNAL) }
            return Unmanaged<MiddlewareInstance>.fromOpaque(obj).takeUnretainedValue().wrap(inner, out)
        }
        return fillTable(out, from: table) ? moor_code(MOOR_OK) : moor_code(MOOR_E_VERSION)
    }

    private func wrap(
        _ inner: UnsafePointer<moor_storage>, _ out: UnsafeMutablePointer<moor_storage>
    ) -> moor_code {
        do throws(PluginError) {
            let inner = InnerStorage(inner)
            // Calls into a storage that blocks belong on threads that may.
            let executor = HostExecutor(host, lane: inner.mayBlock ? .blocking : .computing)
            let made = AsyncStorage(try make(inner), executor: executor, gate: gate)
            let isFirst = storage.withLock { storage in
                guard storage == nil else { return false }
                storage = made
                return true
            }
            guard isFirst else { return moor_code(MOOR_E_INVALID_ARGUMENT) }
            var table = made.table()
            table.max_key_len = inner.table.max_key_len
            table.max_list_page = inner.table.max_list_page
            return fillTable(out, from: table) ? moor_code(MOOR_OK) : moor_code(MOOR_E_VERSION)
        } catch {
            // The code alone would tell nobody what to do.
            host.log.write(.error, "can't wrap the storage: \(error.message)")
            return error.code.rawValue
        }
    }

    override func stop(_ completion: @escaping @Sendable () -> Void) {
        if let storage = storage.withLock({ $0 }) { storage.stop(completion) } else { gate.close(then: completion) }
    }
}
