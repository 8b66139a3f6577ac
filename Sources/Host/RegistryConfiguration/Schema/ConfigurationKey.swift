/// One row of the table of configuration keys: the source of the checks, the defaults and the reference page.
struct ConfigurationKey: Sendable {
    /// What the server does with a key.
    enum Status: Sendable, Equatable {
        case supported
        /// The feature does not exist yet: read, checked, and ignored with a warning.
        case later
        /// The feature does not exist yet, and without it the server would be more open than the file says.
        case refused
        /// Accepted and without effect, for the reason given.
        case accepted(String)
    }

    /// The key as operators write it. `[]` marks a list of groups, `<name>` a part that is free.
    var path: String
    var type: KeyType
    /// The default as YAML text; nil if there is none.
    var standard: String?
    var isSecret: Bool
    var status: Status
    /// Another name that Distribution's environment variables use for the last part of the path.
    var variableAlias: String?
    /// One line for the operator.
    var text: String

    init(
        _ path: String, _ type: KeyType, default standard: String? = nil, secret: Bool = false,
        status: Status = .supported, alias: String? = nil, _ text: String
    ) {
        self.path = path
        self.type = type
        self.standard = standard
        self.isSecret = secret
        self.status = status
        self.variableAlias = alias
        self.text = text
    }

    /// Every key, in the order of the reference page.
    static let all: [ConfigurationKey] =
        general + storage + plugins + http + limits + later
}
