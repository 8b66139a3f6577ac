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

    /// The host's log; without the service lines go nowhere.
    public var log: HostLog { HostLog(service("moor.host.log/1", as: moor_svc_log.self)) }
    /// The host's metrics.
    public var metrics: HostMetrics { HostMetrics(service("moor.host.metrics/1", as: moor_svc_metrics.self)) }
    /// The host's timers.
    public var timer: HostTimer { HostTimer(service("moor.host.timer/1", as: moor_svc_timer.self)) }
    /// The host's secrets.
    public var secrets: HostSecrets { HostSecrets(service("moor.host.secret/1", as: moor_svc_secret.self)) }

    /// A service table, provided it is at least as long as the one this kit knows.
    func service<Table>(_ id: StaticString, as type: Table.Type) -> UnsafePointer<Table>? {
        guard let found = table.pointee.get_service(table.pointee.obj, moor_str(id)),
            found.load(as: UInt32.self) >= UInt32(MemoryLayout<Table>.size)
        else { return nil }
        return found.assumingMemoryBound(to: Table.self)
    }
}
