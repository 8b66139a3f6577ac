/// How a server listens, what it accepts and how long it waits.
///
/// Every value has a default that suits a registry on the open internet.
public struct HTTPServerConfiguration: Sendable {
    /// A place to listen at.
    public enum Address: Sendable, Hashable {
        /// A TCP address; `host` is a name or a literal address, port 0 lets the kernel choose.
        case tcp(host: String, port: Int)
        /// A unix stream socket. A socket file that nobody listens on is replaced; one that is in use, and
        /// any other file, is left alone and makes `start()` throw.
        case unix(path: String)
    }

    /// The certificate of the server and what it negotiates.
    public struct TLS: Sendable {
        /// The oldest protocol version that is accepted.
        public enum MinimumVersion: Sendable, Hashable {
            /// TLS 1.2.
            case tls12
            /// TLS 1.3.
            case tls13
        }

        /// PEM file that holds the certificate and its chain, leaf first.
        public var certificateFile: String
        /// PEM file that holds the private key.
        public var privateKeyFile: String
        /// The oldest protocol version that is accepted.
        public var minimumVersion: MinimumVersion
        /// TLS 1.2 cipher suites by OpenSSL name, best first; nil for the library's own choice.
        public var cipherSuites: [String]?

        /// A certificate and key in PEM files.
        public init(
            certificateFile: String, privateKeyFile: String, minimumVersion: MinimumVersion = .tls12,
            cipherSuites: [String]? = nil
        ) {
            self.certificateFile = certificateFile
            self.privateKeyFile = privateKeyFile
            self.minimumVersion = minimumVersion
            self.cipherSuites = cipherSuites
        }
    }

    /// Bounds on what a client may send or hold.
    public struct Limits: Sendable {
        /// Bytes of all header fields of a request together, and of a single one; more is answered 431.
        public var headerBytes: Int = 32 * 1024
        /// Header fields of a request, trailers included; more is answered 431.
        public var headerCount: Int = 100
        /// Bytes of the request target; more is answered 414.
        public var targetBytes: Int = 16 * 1024
        /// Connections at a time, over all listeners. Beyond that a clear-text connection is answered 503 and closed,
        /// a TLS connection closed.
        public var connections: Int = 10_000
        /// HTTP/2 streams a connection may have open.
        public var concurrentStreams: Int = 100
        /// HTTP/2 resets (and stream errors) a client may cause within 30 s before its connection is closed.
        public var streamResets: Int = 200
        /// Bytes of an unread request body that are read and dropped to keep the connection.
        public var drainedBodyBytes: Int = 256 * 1024
        /// Bytes of request bodies that wait for their responders, of all HTTP/2 streams; above, and above the next one,
        /// streams are read only while their responder waits.
        public var bodyBytes: Int = 64 * 1024 * 1024
        /// The same for the streams of one connection.
        public var connectionBodyBytes: Int = 16 * 1024 * 1024

        /// The defaults.
        public init() {}
    }

    /// How long the server waits for a client. There is no limit on the duration of a body: slow links are legal.
    public struct Timeouts: Sendable {
        /// From the first byte (or the connection) to the complete head of a request, TLS handshake included.
        public var header: Duration = .seconds(30)
        /// Between two requests of a connection.
        public var keepAlive: Duration = .seconds(75)
        /// Without a byte of the request body while the responder waits for it.
        public var bodyStall: Duration = .seconds(60)
        /// Without the client taking a byte of the response.
        public var writeStall: Duration = .seconds(60)
        /// For a client to take note of a last response and to close.
        public var linger: Duration = .seconds(3)

        /// The defaults.
        public init() {}
    }

    /// Where to listen.
    public var addresses: [Address]
    /// TLS for the TCP listeners (unix sockets stay clear text); nil for clear text.
    public var tls: TLS?
    /// Whether HTTP/2 is offered over TLS.
    public var http2: Bool
    /// Whether a clear-text connection may start HTTP/2 with prior knowledge.
    public var h2c: Bool
    /// Bounds on what a client may send or hold.
    public var limits: Limits
    /// How long the server waits for a client.
    public var timeouts: Timeouts
    /// Event loops; 0 for one per core.
    public var eventLoopThreads: Int
    /// Threads that read cold files.
    public var blockingThreads: Int

    /// A configuration that listens at `addresses`.
    public init(
        addresses: [Address] = [.tcp(host: "127.0.0.1", port: 0)], tls: TLS? = nil, http2: Bool = true,
        h2c: Bool = false, limits: Limits = Limits(), timeouts: Timeouts = Timeouts(), eventLoopThreads: Int = 0,
        blockingThreads: Int = 8
    ) {
        self.addresses = addresses
        self.tls = tls
        self.http2 = http2
        self.h2c = h2c
        self.limits = limits
        self.timeouts = timeouts
        self.eventLoopThreads = eventLoopThreads
        self.blockingThreads = blockingThreads
    }
}
