/// The configuration of a registry, checked and with every default filled in.
///
/// `docs/configuration.md` describes each key; the names here are the same.
public struct RegistryConfiguration: Sendable, Equatable {
    /// The log.
    public var log: Log
    /// Storage.
    public var storage: Storage
    /// Middlewares around the storage driver, the first one innermost. Disabled ones are left out.
    public var storageMiddleware: [ComponentConfiguration]
    /// The authentication backend; nil means that everybody may do everything.
    public var auth: ComponentConfiguration?
    /// The listener.
    public var http: HTTP
    /// Most repositories on one page of the catalogue; positive.
    public var catalogMaxEntries: Int
    /// Most tags on one page; positive.
    public var tagsMaxTags: Int
    /// Rules for pushed manifests.
    public var validation: Validation
    /// Where plugins are found.
    public var plugins: Plugins

    /// `log`.
    public struct Log: Sendable, Equatable {
        /// The least weighty messages that are written.
        public enum Level: String, Sendable, Equatable { case error, warn, info, debug }
        /// The form of a line.
        public enum Formatter: String, Sendable, Equatable { case text, json, logstash }

        /// The least weighty messages that are written.
        public var level: Level
        /// The form of a line.
        public var formatter: Formatter
        /// Fields added to each line.
        public var fields: [String: String]
        /// Whether requests are not logged.
        public var accessLogDisabled: Bool
    }

    /// `storage`.
    public struct Storage: Sendable, Equatable {
        /// The driver.
        public var driver: ComponentConfiguration
        /// How long one call of the driver may take.
        public var operationTimeout: Duration
        /// Whether all writes are refused.
        public var readOnly: Bool
        /// Whether clients may delete.
        public var deleteEnabled: Bool
        /// Whether clients are never sent to the storage service.
        public var redirectDisabled: Bool
        /// Removal of uploads that nobody finished; nil: none.
        public var uploadPurging: UploadPurging?
    }

    /// `storage.maintenance.uploadpurging`.
    public struct UploadPurging: Sendable, Equatable {
        /// Age at which an upload is removed.
        public var age: Duration
        /// Time between two runs.
        public var interval: Duration
        /// Whether it only reports.
        public var isDryRun: Bool
    }

    /// `http`.
    public struct HTTP: Sendable, Equatable {
        /// Where the server listens.
        public var address: ListenAddress
        /// Path below which the registry answers: `/`, or with a slash at both ends.
        public var prefix: String
        /// URL by which clients reach the registry, without a slash at the end.
        public var host: String?
        /// Key that signs upload sessions; nil asks for a random one.
        public var secret: String?
        /// Whether URLs in answers have no host.
        public var relativeURLs: Bool
        /// How long requests may go on after a signal to stop.
        public var drainTimeout: Duration
        /// Headers added to each response, in the file's order.
        public var headers: [Header]
        /// TLS; nil means plain HTTP.
        public var tls: TLS?
        /// Whether HTTP/2 over TLS is off.
        public var http2Disabled: Bool
        /// Whether HTTP/2 without TLS is on.
        public var h2cEnabled: Bool
        /// Event-loop threads; 0 means one for each core.
        public var threads: Int
        /// Bounds.
        public var limits: Limits
        /// Waiting times.
        public var timeouts: Timeouts
    }

    /// One header with its values.
    public struct Header: Sendable, Equatable {
        /// The name: an HTTP token.
        public var name: String
        /// The values, none with a line break.
        public var values: [String]
    }

    /// `http.tls`.
    public struct TLS: Sendable, Equatable {
        /// A version of TLS.
        public enum Version: String, Sendable, Equatable {
            /// TLS 1.2.
            case tls12 = "tls1.2"
            /// TLS 1.3.
            case tls13 = "tls1.3"
        }

        /// Path of the certificate chain (PEM).
        public var certificate: String
        /// Path of the private key (PEM).
        public var key: String
        /// The lowest version.
        public var minimum: Version
        /// Cipher suites by Go's names; empty leaves the choice to the server.
        public var cipherSuites: [String]
    }

    /// `http.limits`.
    public struct Limits: Sendable, Equatable {
        /// Bytes of a request head.
        public var headerBytes: Int
        /// Headers of a request.
        public var headers: Int
        /// Connections at once.
        public var connections: Int
        /// Bytes of a manifest.
        public var manifestBytes: Int
        /// Bytes of a blob; nil means no bound.
        public var uploadBytes: Int?
    }

    /// `http.timeouts`.
    public struct Timeouts: Sendable, Equatable {
        /// For a complete request head.
        public var header: Duration
        /// Between two requests.
        public var idle: Duration
        /// Without a byte moving in a body.
        public var stall: Duration
    }

    /// `validation`.
    public struct Validation: Sendable, Equatable {
        /// Which platforms of an index must exist.
        public enum Platforms: String, Sendable, Equatable { case all, none, list }
        /// One platform.
        public struct Platform: Sendable, Equatable {
            /// Such as `amd64`.
            public var architecture: String
            /// Such as `linux`.
            public var os: String
        }

        /// Whether the rules are off.
        public var disabled: Bool
        /// Whether there are rules for URLs of layers.
        public var checksURLs: Bool
        /// Regular expressions for URLs of foreign layers.
        public var allowedURLs: [String]
        /// Regular expressions for URLs that are refused.
        public var deniedURLs: [String]
        /// Which platforms of an index must exist.
        public var platforms: Platforms
        /// Those that `list` names.
        public var platformList: [Platform]
    }

    /// `plugins`.
    public struct Plugins: Sendable, Equatable {
        /// One plugin file.
        public struct File: Sendable, Equatable {
            /// Its absolute path.
            public var path: String
            /// The SHA-256 it must have: 64 lower-case hexadecimal digits.
            public var sha256: String?
            /// Where it is named.
            public var origin: ConfigurationOrigin
        }

        /// Absolute paths; empty means the installation's directories.
        public var directories: [String]
        /// Single files.
        public var load: [File]
    }
}
