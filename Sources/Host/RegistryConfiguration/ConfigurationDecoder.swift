/// Builds the typed configuration from a checked document, and checks what concerns more than one key.
struct ConfigurationDecoder {
    private(set) var issues: [ConfigurationIssue] = []
    private let root: SettingsReader
    private let document: YAMLNode

    init(_ document: YAMLNode) {
        self.document = document
        root = SettingsReader(document)
    }

    /// The configuration. It can be used only if there is no error among the issues.
    mutating func decode() -> RegistryConfiguration {
        if root.written("version") == nil {
            report(.error, "version", document.origin, "missing; the file must say `version: 0.1`")
        }
        let (storage, http, auth) = (self.storage(), self.http(), self.auth())
        return RegistryConfiguration(
            log: log(), storage: storage, storageMiddleware: middleware(), auth: auth, http: http,
            catalogMaxEntries: positive(root.section("catalog").integer("maxentries")),
            tagsMaxTags: positive(root.section("tags").integer("maxtags")),
            validation: validation(), plugins: plugins())
    }

    mutating func report(
        _ severity: ConfigurationIssue.Severity, _ path: String, _ location: ConfigurationOrigin, _ message: String
    ) {
        issues.append(ConfigurationIssue(severity, path: path, location: location, message: message))
    }

    mutating func report(
        _ severity: ConfigurationIssue.Severity, _ section: SettingsReader, _ key: String, _ message: String
    ) {
        let location = section.written(key)?.origin ?? section.origin
        report(severity, section.childPath(key), location, message)
    }

    /// A section at the top.
    func reader(_ name: String) -> SettingsReader { root.section(name) }

    /// A key at the top, as written, with its place.
    func entry(_ name: String) -> YAMLEntry? { document.entries?.first { $0.key == name } }

    private func positive(_ value: Int) -> Int { value > 0 ? value : 1000 }

    private func log() -> RegistryConfiguration.Log {
        let section = root.section("log")
        // The old key counts where the new one is absent.
        let level =
            section.written("level") == nil && root.written("loglevel") != nil
            ? root.choice("loglevel") : section.choice("level")
        var fields: [String: String] = [:]
        for entry in section.written("fields")?.entries ?? [] where !entry.value.isNull {
            fields[entry.key] = entry.value.text ?? JSONText.of(entry.value).text
        }
        return RegistryConfiguration.Log(
            level: RegistryConfiguration.Log.Level(rawValue: level) ?? .info,
            formatter: RegistryConfiguration.Log.Formatter(rawValue: section.choice("formatter")) ?? .text,
            fields: fields, accessLogDisabled: section.section("accesslog").boolean("disabled"))
    }

    private func validation() -> RegistryConfiguration.Validation {
        let section = root.section("validation")
        let urls = section.section("manifests").section("urls")
        let indexes = section.section("manifests").section("indexes")
        let platforms = indexes.sections("platformlist").map {
            RegistryConfiguration.Validation.Platform(
                architecture: $0.text("architecture") ?? "", os: $0.text("os") ?? "")
        }
        return RegistryConfiguration.Validation(
            disabled: section.boolean("disabled"), checksURLs: section.section("manifests").written("urls") != nil,
            allowedURLs: urls.texts("allow"), deniedURLs: urls.texts("deny"),
            platforms: RegistryConfiguration.Validation.Platforms(rawValue: indexes.choice("platforms")) ?? .all,
            platformList: platforms)
    }

    private mutating func plugins() -> RegistryConfiguration.Plugins {
        let section = root.section("plugins")
        let directories = section.texts("directories")
        for directory in directories where !directory.hasPrefix("/") {
            report(.error, section, "directories", "\(Printable.quoted(directory)) is not an absolute path")
        }
        let files = section.sections("load").compactMap { pluginFile($0) }
        return RegistryConfiguration.Plugins(directories: directories, load: files)
    }

    private mutating func pluginFile(_ section: SettingsReader) -> RegistryConfiguration.Plugins.File? {
        guard let path = section.text("path"), path.hasPrefix("/") else {
            report(.error, section, "path", "needs the absolute path of a plugin file")
            return nil
        }
        let sha256 = section.text("sha256")?.lowercased()
        if let sha256, sha256.utf8.count != 64 || !sha256.utf8.allSatisfy(Self.isHexadecimal) {
            report(.error, section, "sha256", "expected 64 hexadecimal digits, in quotes if they are all decimal")
            return nil
        }
        return RegistryConfiguration.Plugins.File(path: path, sha256: sha256, origin: section.origin)
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
    }
}
