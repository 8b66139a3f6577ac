import PluginABI

/// The host and the services it lends; good until the plugin's teardown.
public struct Host: @unchecked Sendable {
    // Sendable: an immutable table whose functions may be called on every thread.
    private let table: UnsafePointer<moor_host>

    init(_ table: UnsafePointer<moor_host>) { self.table = table }

    /// What the host calls itself.
    public var product: String { table.pointee.product.text }
    /// Its version.
    public var version: String { table.pointee.version.text }

    /// A service table, provided it is at least as long as the one this kit knows.
    func service<Table>(_ id: StaticString, as type: Table.Type) -> UnsafePointer<Table>? {
        guard let found = table.pointee.get_service(table.pointee.obj, moor_str(id)),
            found.load(as: UInt32.self) >= UInt32(MemoryLayout<Table>.size)
        else { return nil }
        return found.assumingMemoryBound(to: Table.self)
    }
}
