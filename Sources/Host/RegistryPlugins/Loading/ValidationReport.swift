import Logging

/// What a plugin's `validate` found.
struct ValidationReport {
    private struct Finding {
        var pointer: String?
        var message: String

        init?(_ value: JSONValue) {
            guard let members = value.object, let message = members["message"]?.string else { return nil }
            pointer = members["pointer"]?.string
            self.message = message
        }
    }

    private let errors: [Finding]
    private let warnings: [Finding]
    private let plugin: String

    init(json: [UInt8], plugin: String) throws(PluginError) {
        guard let members = (try? JSONValue(parsing: json))?.object,
            let errors = Self.findings(members["errors"]), let warnings = Self.findings(members["warnings"])
        else { throw PluginError(.options, plugin: plugin, "its validation report is not what it should be") }
        self.errors = errors
        self.warnings = warnings
        self.plugin = plugin
    }

    /// A list that may be missing; nothing if it is no list of findings.
    private static func findings(_ value: JSONValue?) -> [Finding]? {
        guard let value, value != .null else { return [] }
        guard let list = value.array else { return nil }
        let findings = list.compactMap(Finding.init)
        return findings.count == list.count ? findings : nil
    }

    func check(logger: Logger) throws(PluginError) {
        for warning in warnings {
            logger.warning("plugin \(plugin): option \(warning.pointer ?? ""): \(warning.message)")
        }
        guard let first = errors.first else { return }
        let key = (first.pointer ?? "").split(separator: "/").joined(separator: ".")
        throw PluginError(
            .options, plugin: plugin, "option \"\(key)\": \(first.message)", option: first.pointer)
    }
}
