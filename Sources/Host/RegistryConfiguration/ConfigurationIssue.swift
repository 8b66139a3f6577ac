/// Something that the configuration's reader has to say about one place.
public struct ConfigurationIssue: Sendable, Equatable, CustomStringConvertible {
    /// How much an issue matters.
    public enum Severity: String, Sendable, Comparable {
        /// For information; nothing is wrong.
        case note
        /// The server starts, but perhaps not as its operator meant.
        case warning
        /// The server must not start.
        case error

        /// Orders by weight: a note is the least, an error the most.
        public static func < (left: Severity, right: Severity) -> Bool { left.weight < right.weight }

        private var weight: Int {
            switch self {
            case .note: 0
            case .warning: 1
            case .error: 2
            }
        }
    }

    /// How much it matters.
    public var severity: Severity
    /// The key, written like `http.tls.key` or `middleware.storage[0].name`; empty for the file as a whole.
    public var path: String
    /// The line or the environment variable.
    public var location: ConfigurationOrigin
    /// One sentence for the operator. Never holds a secret.
    public var message: String

    /// Makes an issue.
    public init(_ severity: Severity, path: String, location: ConfigurationOrigin, message: String) {
        self.severity = severity
        self.path = path
        self.location = location
        self.message = message
    }

    /// `config.yml:12:3: error: http.addr: …`
    public var description: String {
        let place = location == .standard ? "" : "\(location): "
        let subject = path.isEmpty ? "" : "\(Printable.escaped(path, limit: 200)): "
        return "\(place)\(severity.rawValue): \(subject)\(message)"
    }
}
