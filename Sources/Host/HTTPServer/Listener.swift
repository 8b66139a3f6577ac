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
            if let isSocket = Listener.isSocket(path) {
                guard isSocket else { throw HTTPServer.StartError.notASocket(path: path) }
                unlink(path)
            }
            return try await bootstrap(group, isTCP: false).bind(unixDomainSocketPath: path).get()
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

    /// Whether there is a socket at a path; nil if there is nothing.
    static func isSocket(_ path: String) -> Bool? {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        return status.st_mode & S_IFMT == S_IFSOCK
    }

    private func bootstrap(_ group: MultiThreadedEventLoopGroup, isTCP: Bool) -> ServerBootstrap {
        let setup = ConnectionSetup(core: core, tls: isTCP ? tls : nil)
        let contexts = Dictionary(uniqueKeysWithValues: loops.map { (ObjectIdentifier($0.loop), $0) })
        let bootstrap = ServerBootstrap(group: group)
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

/// Makes the TLS context.
enum TLSSetup {
    static func context(_ tls: HTTPServerConfiguration.TLS, offersHTTP2: Bool) throws -> NIOSSLContext {
        let chain = try NIOSSLCertificate.fromPEMFile(tls.certificateFile)
        let key = try NIOSSLPrivateKey(file: tls.privateKeyFile, format: .pem)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = tls.minimumVersion == .tls13 ? .tlsv13 : .tlsv12
        configuration.applicationProtocols = offersHTTP2 ? ["h2", "http/1.1"] : ["http/1.1"]
        if let suites = tls.cipherSuites { configuration.cipherSuites = suites.joined(separator: ":") }
        return try NIOSSLContext(configuration: configuration)
    }
}
