/// Reads the configuration: a file in Distribution's format, version 0.1, with `REGISTRY_…` variables over it.
public enum ConfigurationSource {
    /// What holds without a file: a registry for trying out, that only this machine reaches.
    static let builtIn = """
        version: 0.1
        storage:
          filesystem:
            rootdirectory: ./data
          delete:
            enabled: true
        http:
          addr: 127.0.0.1:5000
        """

    /// Option names with `_` that variables can reach without the file naming them.
    public static let wellKnownOptions = EnvironmentOverlay.wellKnownOptions

    /// Reads a file, or takes the built-in configuration.
    ///
    /// - Parameters:
    ///   - file: the path; nil for a filesystem registry in `./data` on `127.0.0.1:5000`.
    ///   - environment: the process's environment. Only `REGISTRY_…` counts, and not `REGISTRY_CONFIGURATION_PATH`.
    ///   - underscoredOptions: further names of plugin options that hold a `_`.
    public static func load(
        file: String?, environment: [String: String], underscoredOptions: Set<String> = wellKnownOptions
    ) -> LoadedConfiguration {
        guard let file else {
            return load(Array(builtIn.utf8), environment, underscoredOptions) { _, _ in .standard }
        }
        do throws(ConfigurationFile.Failure) {
            let text = try ConfigurationFile.read(file, limit: YAMLLimits().bytes)
            return load(text: text, name: file, environment: environment, underscoredOptions: underscoredOptions)
        } catch {
            let issue = ConfigurationIssue(
                .error, path: "", location: .file(name: file, line: 1, column: 1), message: error.message)
            return LoadedConfiguration(issues: [issue])
        }
    }

    /// Reads a text.
    ///
    /// - Parameters:
    ///   - text: the file's bytes, at most 1 MiB.
    ///   - name: the file's name, for messages.
    ///   - environment: as above.
    ///   - underscoredOptions: as above.
    public static func load(
        text: [UInt8], name: String, environment: [String: String] = [:],
        underscoredOptions: Set<String> = wellKnownOptions
    ) -> LoadedConfiguration {
        load(text, environment, underscoredOptions) { .file(name: name, line: $0, column: $1) }
    }

    private static func load(
        _ text: [UInt8], _ environment: [String: String], _ underscoredOptions: Set<String>,
        origin: (Int, Int) -> ConfigurationOrigin
    ) -> LoadedConfiguration {
        let document: YAMLParser.Document
        do throws(YAMLError) {
            document = try YAMLParser.parse(text, origin: origin)
        } catch {
            let location = origin(max(1, error.line), max(1, error.column))
            return LoadedConfiguration(
                issues: [ConfigurationIssue(.error, path: "", location: location, message: error.message)])
        }
        guard let root = document.root, root.entries != nil else {
            let found = document.root.map { $0.isNull ? "nothing" : $0.found(isSecret: true) } ?? "nothing"
            let message = "found \(found), expected a map that begins with `version: 0.1`"
            return LoadedConfiguration(
                issues: [ConfigurationIssue(.error, path: "", location: origin(1, 1), message: message)])
        }
        var issues: [ConfigurationIssue] = []
        if let line = document.secondDocumentLine {
            issues.append(
                ConfigurationIssue(
                    .warning, path: "", location: origin(line, 1),
                    message: "a second document begins here; it is ignored"))
        }
        return load(root, environment, underscoredOptions, issues)
    }

    private static func load(
        _ root: YAMLNode, _ environment: [String: String], _ underscoredOptions: Set<String>,
        _ issues: [ConfigurationIssue]
    ) -> LoadedConfiguration {
        var overlay = EnvironmentOverlay(root: root, underscoredOptions: underscoredOptions)
        overlay.apply(environment)
        var decoder = ConfigurationDecoder(overlay.root)
        let configuration = decoder.decode()
        let all = issues + overlay.issues + ConfigurationCheck.issues(in: overlay.root) + decoder.issues
        let isUsable = all.allSatisfy { $0.severity < .error }
        return LoadedConfiguration(
            configuration: isUsable ? configuration : nil, issues: all, appliedVariables: overlay.applied,
            ignoredVariables: overlay.ignored, document: overlay.root)
    }
}

/// What reading the configuration gave.
public struct LoadedConfiguration: Sendable {
    /// The configuration; nil if there is an error among the issues.
    public let configuration: RegistryConfiguration?
    /// Everything there is to say, in the order file, variables, values.
    public let issues: [ConfigurationIssue]
    /// Names of the variables that took effect.
    public let appliedVariables: [String]
    /// Names of `REGISTRY_…` variables that did not: unknown ones, wrong ones and service links.
    public let ignoredVariables: [String]
    /// The document with the variables in it; nil if it could not be read.
    let document: YAMLNode?

    init(
        configuration: RegistryConfiguration? = nil, issues: [ConfigurationIssue], appliedVariables: [String] = [],
        ignoredVariables: [String] = [], document: YAMLNode? = nil
    ) {
        self.configuration = configuration
        self.issues = issues
        self.appliedVariables = appliedVariables
        self.ignoredVariables = ignoredVariables
        self.document = document
    }

    /// The effective configuration as YAML, each value with where it comes from. Secrets are not printed.
    public func show() -> String {
        guard let document else { return "# The configuration could not be read.\n" }
        var text = EffectivePrinter.text(of: document)
        for (title, names) in [("applied", appliedVariables), ("ignored", ignoredVariables)] where !names.isEmpty {
            text += "# Environment variables \(title): "
            text += names.map { Printable.escaped($0, limit: 200) }.joined(separator: ", ") + "\n"
        }
        return text
    }
}
