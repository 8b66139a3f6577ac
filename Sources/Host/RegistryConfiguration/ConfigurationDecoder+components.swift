extension ConfigurationDecoder {
    private static let noDriver = RegistryConfiguration.Storage(
        driver: ComponentConfiguration(name: ""), operationTimeout: .zero, readOnly: true, deleteEnabled: false,
        redirectDisabled: true, uploadPurging: nil)

    mutating func storage() -> RegistryConfiguration.Storage {
        let section = reader("storage")
        var storage = Self.noDriver
        if let driver = component(in: section, "storage driver") {
            storage.driver = driver
        } else if issues.allSatisfy({ $0.path != "storage" }) {
            report(.error, "storage", section.origin, "names no storage driver, such as `filesystem`")
        }
        storage.operationTimeout = section.duration("operationtimeout")
        storage.readOnly = section.section("maintenance").section("readonly").boolean("enabled")
        let purging = section.section("maintenance").section("uploadpurging")
        if purging.boolean("enabled") {
            storage.uploadPurging = RegistryConfiguration.UploadPurging(
                age: purging.duration("age"), interval: purging.duration("interval"),
                isDryRun: purging.boolean("dryrun"))
        }
        storage.deleteEnabled = section.section("delete").boolean("enabled")
        storage.redirectDisabled = section.section("redirect").boolean("disable")
        return storage
    }

    mutating func auth() -> ComponentConfiguration? {
        let section = reader("auth")
        let component = component(in: section, "auth backend")
        if component == nil, let entry = entry("auth"), issues.allSatisfy({ $0.path != "auth" }) {
            report(.warning, "auth", entry.origin, "names no backend, so that everybody may do everything")
        }
        return component?.name == "none" ? nil : component
    }

    mutating func middleware() -> [ComponentConfiguration] {
        var result: [ComponentConfiguration] = []
        for section in reader("middleware").sections("storage") {
            guard let name = section.text("name"), !name.isEmpty else {
                report(.error, section, "name", "needs the name of a middleware")
                continue
            }
            let options = options(section.written("options"), path: section.childPath("options"))
            if section.boolean("disabled") { continue }
            result.append(ComponentConfiguration(name: name, options: options, origin: section.origin))
        }
        return result
    }

    /// The one entry of a section that is not a fixed key. Reports if there are several.
    private mutating func component(in section: SettingsReader, _ kind: String) -> ComponentConfiguration? {
        let fixed = KeySchema.root.child(section.path)?.childNames ?? []
        let entries = (entry(section.path)?.value.entries ?? []).filter { !fixed.contains($0.key) }
        guard let first = entries.first else { return nil }
        guard entries.count == 1, !first.key.isEmpty else {
            reportSeveral(entries, section.path, kind, fixed)
            return nil
        }
        let options = options(first.value, path: section.childPath(first.key))
        return ComponentConfiguration(name: first.key, options: options, origin: first.origin)
    }

    private mutating func reportSeveral(_ entries: [YAMLEntry], _ path: String, _ kind: String, _ fixed: [String]) {
        let names = entries.prefix(4).map { "\(Printable.quoted($0.key)) (\($0.origin))" }.joined(separator: " and ")
        var message = "expected exactly one \(kind), found \(names)"
        for entry in entries.prefix(4) {
            if let nearest = EditDistance.nearest(to: entry.key, among: fixed) {
                message += "; is \(Printable.quoted(entry.key)) meant to be \(path).\(nearest)?"
            }
        }
        if let variable = entries.first(where: \.origin.isVariable) {
            let name = Printable.escaped(variable.key, limit: 60)
            message += "; set REGISTRY_\(path.uppercased())=\(name) as well to replace the file's section"
        }
        report(.error, path, entries.last?.origin ?? .standard, message)
    }

    private mutating func options(_ node: YAMLNode?, path: String) -> PluginOptions {
        guard let node else { return PluginOptions() }
        guard node.entries != nil else { return PluginOptions(origins: ["": node.origin]) }
        let json = JSONText.of(node)
        for pointer in json.unrepresentable {
            report(
                .error, path + pointer, json.origins[pointer] ?? node.origin,
                "infinity and not-a-number cannot be given to a plugin")
        }
        return PluginOptions(json: json.text, origins: json.origins, scalarTexts: json.scalarTexts)
    }
}

extension ConfigurationOrigin {
    fileprivate var isVariable: Bool {
        if case .environment = self { return true }
        return false
    }
}
