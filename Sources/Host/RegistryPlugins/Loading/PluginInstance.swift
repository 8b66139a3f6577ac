import PluginABI
import RegistryStorage
import Synchronization

/// A configured instance of a component; destroyed with the last reference, when nothing of it is in use any more.
final class PluginInstance: CallTarget, @unchecked Sendable {
    // @unchecked: the table never changes; `isStopped` is atomic.

    let plugin: LoadedPlugin
    let component: String
    let policy: ExecutionPolicy
    let identity: PluginIdentity
    let timeouts: ExecutionPolicy.Timeouts
    let table: moor_instance
    private let isStopped = Atomic<Bool>(false)

    init(
        _ table: moor_instance, plugin: LoadedPlugin, component: String, timeouts: ExecutionPolicy.Timeouts
    ) {
        self.table = table
        self.plugin = plugin
        plugin.instanceMade()
        self.component = component
        identity = plugin.identity(driver: component)
        self.timeouts = timeouts
        policy = ExecutionPolicy(
            name: component, flags: table.exec_flags, blockingOperations: 0, maximumConcurrency: 1, timeouts: timeouts)
    }

    deinit {
        table.destroy?(table.obj)
        plugin.instanceDestroyed()
    }

    func perform(_ slot: CallSlot) {
        let call = slot.call
        switch slot.operation {
        case .start: table.start?(table.obj, call, doneVoid)
        case .drain: table.drain?(table.obj, call, doneVoid)
        case .stop: table.stop?(table.obj, call, doneVoid)
        default: table.health?(table.obj, call, doneBuffer)
        }
    }

    func start() async throws(StorageError) {
        guard table.start != nil else { return }
        let _: Nothing = try await run(try CallSlots.acquire(), .start)
    }

    /// Lets running work end and stops the instance; once.
    func stop() async throws(StorageError) {
        guard !isStopped.exchange(true, ordering: .acquiringAndReleasing) else { return }
        if table.drain != nil { let _: Nothing = try await run(try CallSlots.acquire(), .drain) }
        if table.stop != nil { let _: Nothing = try await run(try CallSlots.acquire(), .stop) }
    }

    /// The table of a role.
    func interface<Table>(_ blank: Table, _ id: String) throws(PluginError) -> Table {
        let table = self.table
        return try InterfaceTable.fill(blank, id, plugin: identity.name) { id, out in
            table.get_interface?(table.obj, id, out)
        }
    }

    /// The instance as a storage driver.
    func storage() throws(PluginError) -> PluginStorageDriver {
        let storage = try interface(moor_storage(), "moor.storage/1")
        let required: UInt64 = 1 << 9 - 1
        guard storage.offeredOperations & required == required else {
            let missing = (0..<9).filter { storage.offeredOperations >> UInt64($0) & 1 == 0 }
                .compactMap { CallOperation(rawValue: UInt8($0)) }.map { "\($0)" }
            throw PluginError(
                .tableSize, plugin: identity.name,
                "its moor.storage/1 table lacks \(missing.joined(separator: ", "))")
        }
        return PluginStorageDriver(
            name: component, table: storage, identity: identity, policy: policy(for: storage, inner: nil),
            owner: self)
    }

    /// The instance as a middleware around a driver.
    func wrap(_ inner: any StorageDriver) throws(PluginError) -> PluginStorageDriver {
        let middleware = try interface(moor_middleware(), "moor.storage-middleware/1")
        guard let wrap = middleware.wrap else {
            throw PluginError(.tableSize, plugin: identity.name, "its moor.storage-middleware/1 table lacks wrap")
        }
        let exported = ExportedStorage(inner)
        let out = try InterfaceTable.fill(moor_storage(), "a wrapped storage", plugin: identity.name) { _, place in
            wrap(middleware.obj, exported.table, place.assumingMemoryBound(to: moor_storage.self))
        }
        let isTransparent = middleware.flags & 1 != 0
        return PluginStorageDriver(
            name: inner.name, table: out, identity: plugin.identity(driver: inner.name),
            policy: policy(for: out, inner: (inner as? PluginStorageDriver)?.policy),
            owner: WrappedOwner(instance: self, inner: exported),
            bypass: isTransparent ? inner as? PluginStorageDriver : nil)
    }

    /// How to call a table of this instance. What it wraps is called from inside its operations, so they are called as
    /// the inner driver wants it, too.
    private func policy(for storage: moor_storage, inner: ExecutionPolicy?) -> ExecutionPolicy {
        let limits = [table.max_concurrency, inner?.maximumConcurrency ?? 0].filter { $0 != 0 }
        return ExecutionPolicy(
            name: component, flags: storage.exec_flags | (inner?.flags ?? 0) & 3,
            blockingOperations: storage.blocking_ops | (inner?.blockingOperations ?? 0),
            maximumConcurrency: limits.min() ?? 0, timeouts: timeouts)
    }
}

/// What a wrapped driver keeps alive; the inner table goes last.
private final class WrappedOwner {
    private let instance: PluginInstance
    private let inner: ExportedStorage

    init(instance: PluginInstance, inner: ExportedStorage) {
        self.instance = instance
        self.inner = inner
    }
}
