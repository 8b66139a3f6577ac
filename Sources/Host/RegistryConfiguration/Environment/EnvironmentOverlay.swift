/// Puts the values of `REGISTRY_…` variables into a document.
struct EnvironmentOverlay {
    private(set) var root: YAMLNode
    private(set) var issues: [ConfigurationIssue] = []
    private(set) var applied: [String] = []
    private(set) var ignored: [String] = []
    private let underscoredOptions: Set<String>

    /// Option names with `_` of Distribution's own drivers. A variable splits at each `_`, so that these cannot be told
    /// from a key inside a key unless their names are known.
    static let wellKnownOptions: Set<String> = [
        "max_retries", "retry_delay", "project_id", "private_key_id", "private_key", "client_email", "client_id",
        "auth_uri", "token_uri", "auth_provider_x509_cert_url", "client_x509_cert_url", "universe_domain",
    ]

    /// Names that begin like overrides and are none.
    private static let reserved: Set<String> = ["REGISTRY_CONFIGURATION_PATH"]

    init(root: YAMLNode, underscoredOptions: Set<String> = wellKnownOptions) {
        self.root = root
        self.underscoredOptions = Set(underscoredOptions.map { $0.lowercased() })
        expandPlainNames()
    }

    mutating func apply(_ environment: [String: String]) {
        let variables = environment.compactMap { EnvironmentVariable(name: $0.key, value: $0.value) }.sorted()
        for variable in variables where !Self.reserved.contains(variable.name) {
            if ServiceLink.matches(name: variable.name, value: variable.value) {
                ignored.append(variable.name)
                report(.note, variable, path: "", "ignored: a service link of the container platform, not an override")
            } else {
                apply(variable)
            }
        }
        dropReplacedStandardDriver()
    }

    private mutating func apply(_ variable: EnvironmentVariable) {
        let walk = OverlayWalk(variable: variable, underscoredOptions: underscoredOptions)
        do throws(OverlayWalk.Failure) {
            root = try walk.replaced(root, variable.parts[...], KeySchema.root, path: "")
            applied.append(variable.name)
            expandPlainNames()
        } catch {
            ignored.append(variable.name)
            switch error {
            case .unknown(let severity, let message): report(severity, variable, path: "", message)
            case .invalid(let path, let message): report(.error, variable, path: path, message)
            }
        }
    }

    private mutating func report(
        _ severity: ConfigurationIssue.Severity, _ variable: EnvironmentVariable, path: String, _ message: String
    ) {
        issues.append(
            ConfigurationIssue(
                severity, path: path, location: .environment(variable: variable.name), message: message))
    }

    /// `storage: s3` and `auth: none` stand for a map with that one name.
    private mutating func expandPlainNames() {
        for name in ["storage", "auth"] {
            guard let node = root[key: name], !node.isNull, let scalar = node.scalar else { continue }
            let component = YAMLEntry(
                key: scalar.text, origin: node.origin, value: YAMLNode(.mapping([]), node.origin))
            root.set(name, to: YAMLNode(.mapping([component]), node.origin), keyOrigin: node.origin)
        }
    }

    /// Without a file, a driver that the environment names replaces the built-in choice.
    private mutating func dropReplacedStandardDriver() {
        guard var storage = root[key: "storage"], let entries = storage.entries else { return }
        let fixed = Set(KeySchema.root.child("storage")?.childNames ?? [])
        let drivers = entries.filter { !fixed.contains($0.key) }
        guard drivers.count > 1 else { return }
        storage.content = .mapping(entries.filter { fixed.contains($0.key) || $0.origin != .standard })
        root.set("storage", to: storage, keyOrigin: storage.origin)
    }
}
