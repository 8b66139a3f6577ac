import NIOCore
import PluginABI
import RegistryStorage

/// The factory of a plugin: makes instances of its components.
final class PluginFactory: CallTarget, @unchecked Sendable {
    // @unchecked: the table never changes; its functions are callable from any thread by contract.

    let plugin: LoadedPlugin
    let policy: ExecutionPolicy
    private let table: moor_factory
    private let timeouts: ExecutionPolicy.Timeouts

    init(_ plugin: LoadedPlugin, timeouts: ExecutionPolicy.Timeouts) throws(PluginError) {
        self.plugin = plugin
        self.timeouts = timeouts
        table = try plugin.factory()
        guard table.create != nil else {
            throw PluginError(.tableSize, plugin: plugin.info.name, "its factory has no create")
        }
        policy = ExecutionPolicy(
            name: plugin.info.name, flags: table.exec_flags, blockingOperations: 0, maximumConcurrency: 0,
            timeouts: timeouts)
    }

    var identity: PluginIdentity { plugin.identity }

    func perform(_ slot: CallSlot) {
        let call = slot.call
        switch slot.operation {
        case .schema: table.config_schema?(table.obj, call, slot.arguments.path, doneBuffer)
        case .validate: table.validate?(table.obj, call, slot.arguments.path, slot.arguments.bytes, doneBuffer)
        default:
            table.create?(
                table.obj, call, slot.arguments.path, slot.arguments.path2, slot.arguments.bytes, doneInstance)
        }
    }

    /// The JSON Schema of a component's options; nil if the plugin publishes none.
    func schema(of component: String) async throws(StorageError) -> [UInt8]? {
        guard table.config_schema != nil else { return nil }
        return try await buffer(.schema, component, options: "")
    }

    /// What the plugin itself has to say of options, as JSON; nil if it doesn't look.
    func validate(_ component: String, options: String) async throws(StorageError) -> [UInt8]? {
        guard table.validate != nil else { return nil }
        return try await buffer(.validate, component, options: options)
    }

    private func buffer(
        _ operation: CallOperation, _ component: String, options: String
    ) async throws(StorageError) -> [UInt8] {
        let slot = try CallSlots.acquire()
        slot.arguments.path = slot.store(component)
        slot.arguments.bytes = slot.store([UInt8](options.utf8))
        let buffer: moor_buf = try await run(slot, operation)
        defer { buffer.release?(buffer.release_ctx) }
        guard (0...1 << 20).contains(buffer.len) else {
            throw identity.violation(.lengthsInRange, "\(operation) gave \(UInt(bitPattern: buffer.len)) bytes")
        }
        return [UInt8](UnsafeRawBufferPointer(start: buffer.ptr, count: buffer.len))
    }

    /// Makes an instance.
    func create(_ component: String, options: String) async throws(StorageError) -> PluginInstance {
        let slot = try CallSlots.acquire()
        slot.arguments.path = slot.store(component)
        slot.arguments.path2 = slot.store(component)
        slot.arguments.bytes = slot.store([UInt8](options.utf8))
        let table: moor_instance = try await run(slot, .create)
        guard table.get_interface != nil, table.destroy != nil else {
            throw identity.violation(.tableSize, "moor_instance has no get_interface or no destroy")
        }
        return PluginInstance(table, plugin: plugin, component: component, timeouts: timeouts)
    }
}
