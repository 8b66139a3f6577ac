import NIOCore

/// What the exchanges of one connection have in common. It counts as an open connection until it is released, that
/// is until its channel is closed and its last task has ended.
final class Connection: Sendable {
    let remoteAddress: String
    let localPort: Int?
    let isSecure: Bool
    private let activity: Activity

    /// Takes over one count of `activity`.
    init(channel: any Channel, isSecure: Bool, activity: Activity) {
        remoteAddress = channel.remoteAddress.map(Connection.text) ?? "unix"
        localPort = channel.localAddress?.port
        self.isSecure = isSecure
        self.activity = activity
    }

    deinit {
        activity.connectionClosed()
    }

    private static func text(_ address: SocketAddress) -> String {
        guard let host = address.ipAddress, let port = address.port else { return "unix" }
        return host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
