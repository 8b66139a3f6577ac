import Glibc
import NIOCore
import NIOPosix
import NIOSSL

extension HTTPServer {
    /// Why a server does not start.
    public enum StartError: Error, Equatable, CustomStringConvertible {
        /// `start` was called before.
        case alreadyStarted
        /// There is a file at the path of a unix socket that is not a socket.
        case notASocket(path: String)
        /// Another process listens on the unix socket.
        case socketInUse(path: String)
        /// The address can't be had.
        case cannotListen(address: String, reason: String)
        /// A file of the TLS configuration can't be used.
        case unusableFile(path: String, reason: String)
        /// The files can be read, and make no TLS configuration.
        case unusableTLS(reason: String)

        /// What a person needs to mend it.
        public var description: String {
            switch self {
            case .alreadyStarted: "the server was started before"
            case .notASocket(let path): "can't listen on \(path): the file that is there is not a socket"
            case .socketInUse(let path): "can't listen on \(path): another process does"
            case .cannotListen(let address, let reason): "can't listen on \(address): \(reason)"
            case .unusableFile(let path, let reason): "can't use \(path): \(reason)"
            case .unusableTLS(let reason): "can't use the TLS configuration: \(reason)"
            }
        }
    }
}

extension HTTPServer.StartError {
    /// What keeps an address from being used, without the words of the library.
    init(_ error: any Error, at address: HTTPServerConfiguration.Address) {
        if let error = error as? HTTPServer.StartError {
            self = error
            return
        }
        let reason =
            switch error {
            case let error as IOError: HTTPServer.StartError.text(error.errnoCode)
            case let error as SocketAddressError.UnknownHost: "the host is unknown (\(error.errorDescription))"
            case SocketAddressError.unixDomainSocketPathTooLong: "the path is too long for a unix socket"
            default: "\(error)"
            }
        self = .cannotListen(address: address.text, reason: reason)
    }

    /// The system's words for an error.
    static func text(_ code: CInt) -> String {
        strerror(code).map { String(cString: $0).lowercased() } ?? "error \(code)"
    }
}

extension HTTPServerConfiguration.Address {
    /// As people write it.
    public var text: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}

extension HTTPServer {
    /// Part of a TLS configuration.
    public enum TLSPart: Sendable, Hashable {
        /// The file of certificates.
        case certificate
        /// The file of the private key.
        case privateKey
        /// All together: that key and certificate belong together, and the cipher suites.
        case combination
    }

    /// What keeps a TLS configuration from being used, as far as its files tell; empty: nothing.
    public static func problems(
        with tls: HTTPServerConfiguration.TLS
    ) -> [(part: TLSPart, error: StartError)] {
        var problems: [(part: TLSPart, error: StartError)] = []
        do { _ = try TLSSetup.chain(tls) } catch { problems.append((.certificate, error)) }
        do { _ = try TLSSetup.key(tls) } catch { problems.append((.privateKey, error)) }
        guard problems.isEmpty else { return problems }
        do { _ = try TLSSetup.context(tls, offersHTTP2: true) } catch { problems.append((.combination, error)) }
        return problems
    }
}

/// Makes the TLS context.
enum TLSSetup {
    static func chain(_ tls: HTTPServerConfiguration.TLS) throws(HTTPServer.StartError) -> [NIOSSLCertificate] {
        try load(tls.certificateFile, "it holds no certificate in PEM form") {
            try NIOSSLCertificate.fromPEMFile($0)
        }
    }

    static func key(_ tls: HTTPServerConfiguration.TLS) throws(HTTPServer.StartError) -> NIOSSLPrivateKey {
        try load(tls.privateKeyFile, "it holds no private key in PEM form, or an encrypted one") {
            try NIOSSLPrivateKey(file: $0, format: .pem)
        }
    }

    static func context(
        _ tls: HTTPServerConfiguration.TLS, offersHTTP2: Bool
    ) throws(HTTPServer.StartError) -> NIOSSLContext {
        let (chain, key) = (try chain(tls), try key(tls))
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = tls.minimumVersion == .tls13 ? .tlsv13 : .tlsv12
        configuration.applicationProtocols = offersHTTP2 ? ["h2", "http/1.1"] : ["http/1.1"]
        if let suites = tls.cipherSuites { configuration.cipherSuites = suites.joined(separator: ":") }
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw .unusableTLS(
                reason: "\(tls.certificateFile), \(tls.privateKeyFile) and the cipher suites don't fit: \(error)")
        }
    }

    private static func load<Value>(
        _ path: String, _ otherwise: String, _ read: (String) throws -> Value
    ) throws(HTTPServer.StartError) -> Value {
        do {
            return try read(path)
        } catch {
            let isReadable = access(path, R_OK) == 0
            throw .unusableFile(
                path: path, reason: isReadable ? otherwise : HTTPServer.StartError.text(errno))
        }
    }
}
