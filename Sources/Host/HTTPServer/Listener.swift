import Glibc
import NIOCore
import NIOPosix
import NIOSSL

/// Opens listening sockets.
struct Listener {
    /// Receive buffers follow what a connection sends, up to this.
    private static let receiveBuffer = 256 * 1024
    private static let idleBeforeProbe: CInt = 180

    let core: ServerCore
    let loops: [LoopContext]
    let tls: NIOSSLContext?

    func open(
        _ address: HTTPServerConfiguration.Address, group: MultiThreadedEventLoopGroup
    ) async throws -> any Channel {
        switch address {
        case .tcp(let host, let port):
            return try await bind(bootstrap(group, isTCP: true), host: host, port: port)
        case .unix(let path):
            try SocketFile.clear(path)
            return try await bootstrap(group, isTCP: false).withBoundSocket(try SocketFile.bind(path)).get()
        }
    }

    private func bind(_ bootstrap: ServerBootstrap, host: String, port: Int) async throws -> any Channel {
        // A literal needs no resolver, which would start threads of its own.
        guard let literal = try? SocketAddress(ipAddress: host, port: port) else {
            return try await bootstrap.bind(host: host, port: port).get()
        }
        do {
            return try await bootstrap.bind(to: literal).get()
        } catch let error as IOError where host == "::" && error.errnoCode == EAFNOSUPPORT {
            // All addresses, on a machine without IPv6.
            return try await bootstrap.bind(to: try SocketAddress(ipAddress: "0.0.0.0", port: port)).get()
        }
    }

    private func bootstrap(_ group: MultiThreadedEventLoopGroup, isTCP: Bool) -> ServerBootstrap {
        let setup = ConnectionSetup(core: core, tls: isTCP ? tls : nil)
        let contexts = Dictionary(uniqueKeysWithValues: loops.map { (ObjectIdentifier($0.loop), $0) })
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelInitializer { [logger = core.logger] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AcceptPause(logger: logger))
                }
            }
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.maxMessagesPerRead, value: 64)
            .childChannelOption(.maxMessagesPerRead, value: 4)
            .childChannelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(
                    minimum: 2048, initial: 8192, maximum: Listener.receiveBuffer)
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let context = contexts[ObjectIdentifier(channel.eventLoop)] else {
                        throw ChannelError.operationUnsupported
                    }
                    try setup.initialize(channel, on: context)
                }
            }
        guard isTCP else { return bootstrap }
        return
            bootstrap
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(
                .socket(SocketOptionLevel(IPPROTO_TCP), SocketOptionName(TCP_KEEPIDLE)),
                value: SocketOptionValue(Listener.idleBeforeProbe))
    }
}
