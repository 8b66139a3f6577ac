import Glibc
import PluginABI
import Synchronization

/// A plugin that is mapped into the process, for good: it is never unloaded, because threads, late completions and release
/// functions of it may run at any time.
final class LoadedPlugin: @unchecked Sendable {
    // @unchecked: the table is filled once and never changes; its functions may be called on any thread by contract.

    let path: String
    let info: PluginInfo
    let abiRevision: UInt32
    let identity: PluginIdentity
    private let table: moor_plugin
    private let violations: ViolationLog
    private let driverIdentities = Mutex<[String: PluginIdentity]>([:])
    private let use = Mutex(Use())

    /// What keeps the plugin from being torn down.
    private struct Use {
        var instances = 0
        var isClosing = false
        var isTornDown = false
    }

    /// Loads a checked file and enters it.
    /// - Throws: `PluginError` with the rule that failed.
    init(_ file: PluginFile, services: HostServices, violations: ViolationLog) throws(PluginError) {
        path = file.path
        let own = PluginServices(services, plugin: String(file.name))
        // Runtimes in the plugin may install handlers; those of the process are the host's.
        let signals = SignalState()
        defer { signals.restore() }
        guard let handle = dlopen(file.path, RTLD_NOW | RTLD_LOCAL | CInt(RTLD_NODELETE)) else {
            throw PluginError(.loads, plugin: file.path, "can't be loaded: \(Self.lastLinkError())")
        }
        try file.requireUnchanged()
        guard let symbol = dlsym(handle, "moor_plugin_entry") else {
            throw PluginError(.hasEntry, plugin: file.path, "exports no moor_plugin_entry; it is not a plugin")
        }
        table = try Self.enter(unsafeBitCast(symbol, to: moor_entry_fn.self), UnsafePointer(own.host), file.path)
        abiRevision = table.abi_rev
        info = try PluginInfo(json: Self.bytes(table.info_json, file.path), plugin: file.path)
        let name = info.name
        own.name.withLock { $0 = name }
        self.violations = violations
        identity = .make(name: info.name, driver: info.name, violations: violations)
    }

    /// Who errors of a driver name; the same for the same driver, as identities live for ever.
    func identity(driver: String) -> PluginIdentity {
        driverIdentities.withLock { identities in
            if let known = identities[driver] { return known }
            let identity = PluginIdentity.make(name: info.name, driver: driver, violations: violations)
            identities[driver] = identity
            return identity
        }
    }

    /// An instance lives; until it is destroyed, the plugin isn't torn down.
    func instanceMade() { use.withLock { $0.instances += 1 } }

    /// An instance was destroyed.
    func instanceDestroyed() {
        tearDown { $0.instances -= 1 }
    }

    /// No more instances will be made: the plugin's `teardown` is called now, or after the last `destroy`.
    func close() {
        tearDown { $0.isClosing = true }
    }

    private func tearDown(after change: (inout Use) -> Void) {
        let isDue = use.withLock { use in
            change(&use)
            guard use.isClosing, use.instances == 0, !use.isTornDown else { return false }
            use.isTornDown = true
            return true
        }
        if isDue { table.teardown?(table.obj) }
    }

    private static func enter(
        _ entry: moor_entry_fn, _ host: UnsafePointer<moor_host>, _ path: String
    ) throws(PluginError) -> moor_plugin {
        // The table stands before a canary: a plugin that was built for a longer one must not write beyond.
        let size = MemoryLayout<moor_plugin>.size
        let memory = UnsafeMutableRawPointer.allocate(byteCount: size + 64, alignment: 16)
        defer { memory.deallocate() }
        memset(memory, 0, size)
        memset(memory + size, 0xA5, 64)
        let table = memory.bindMemory(to: moor_plugin.self, capacity: 1)
        table.pointee.struct_size = UInt32(size)
        let code = entry(host, table)
        guard code == 0 else {
            let rule: PluginError.Rule = code == 18 ? .abiVersion : .entrySucceeds
            throw PluginError(rule, plugin: path, "its entry failed with code \(code)")
        }
        for offset in 0..<64 where memory.load(fromByteOffset: size + offset, as: UInt8.self) != 0xA5 {
            throw PluginError(.tableSize, plugin: path, "its entry wrote beyond the table's struct_size")
        }
        guard table.pointee.abi_rev >> 16 == MOOR_ABI_MAJOR else {
            throw PluginError(
                .abiVersion, plugin: path,
                "was built for version \(table.pointee.abi_rev >> 16) of the plugin ABI; this host has \(MOOR_ABI_MAJOR)"
            )
        }
        guard Int(table.pointee.struct_size) <= size, Int(table.pointee.struct_size) >= 40,
            table.pointee.get_interface != nil
        else {
            throw PluginError(
                .tableSize, plugin: path, "moor_plugin has struct_size \(table.pointee.struct_size) or no get_interface"
            )
        }
        return table.pointee
    }

    private static func bytes(_ value: moor_bytes, _ path: String) throws(PluginError) -> [UInt8] {
        guard value.ptr != nil || value.len == 0, (0...1 << 20).contains(value.len) else {
            throw PluginError(.infoJSON, plugin: path, "its info_json can't be: \(UInt(bitPattern: value.len)) bytes")
        }
        return [UInt8](UnsafeRawBufferPointer(start: value.ptr, count: value.len))
    }

    private static func lastLinkError() -> String {
        dlerror().map { String(cString: $0) } ?? "unknown"
    }

    /// The plugin's factory table.
    func factory() throws(PluginError) -> moor_factory {
        let (table, obj) = (self.table, self.table.obj)
        return try InterfaceTable.fill(moor_factory(), "moor.factory/1", plugin: info.name) { id, out in
            table.get_interface?(obj, id, out)
        }
    }
}

/// Asks for tables, and checks what comes back.
enum InterfaceTable {
    /// - Parameter blank: a zeroed table.
    static func fill<Table>(
        _ blank: Table, _ id: String, plugin: String,
        _ ask: (moor_str, UnsafeMutableRawPointer) -> moor_code?
    ) throws(PluginError) -> Table {
        let size = MemoryLayout<Table>.size
        let memory = UnsafeMutableRawPointer.allocate(byteCount: size + 64, alignment: 16)
        defer { memory.deallocate() }
        memset(memory, 0, size)
        memset(memory + size, 0xA5, 64)
        memory.storeBytes(of: UInt32(size), as: UInt32.self)
        var id = id
        let code = id.withUTF8 { utf8 in
            utf8.withMemoryRebound(to: CChar.self) { ask(moor_str(ptr: $0.baseAddress, len: $0.count), memory) }
        }
        guard code == 0 else {
            throw PluginError(
                .interfaceOffered, plugin: plugin, "offers no \(id) here (code \(code.map(String.init) ?? "none"))")
        }
        for offset in 0..<64 where memory.load(fromByteOffset: size + offset, as: UInt8.self) != 0xA5 {
            throw PluginError(.tableSize, plugin: plugin, "wrote beyond the struct_size of \(id)")
        }
        let filled = memory.load(as: UInt32.self)
        guard filled <= UInt32(size) else {
            throw PluginError(
                .tableSize, plugin: plugin, "says that it filled \(filled) bytes of \(id); there are \(size)")
        }
        // What lies beyond what it filled isn't offered, whatever is there.
        memset(memory + Int(filled), 0, size - Int(filled))
        return memory.bindMemory(to: Table.self, capacity: 1).pointee
    }
}
