import FoundationEssentials
import Logging

/// What a plugin's `validate` found.
struct ValidationReport: Decodable {
    struct Finding: Decodable {
        var pointer: String?
        var code: String?
        var message: String
    }

    private var errors: [Finding]?
    private var warnings: [Finding]?
    private var plugin = ""

    private enum CodingKeys: String, CodingKey {
        case errors, warnings
    }

    init(json: [UInt8], plugin: String) throws(PluginError) {
        do {
            self = try JSONDecoder().decode(Self.self, from: Data(json))
        } catch {
            throw PluginError(.options, plugin: plugin, "its validation report is not what it should be")
        }
        self.plugin = plugin
    }

    func check(logger: Logger) throws(PluginError) {
        for warning in warnings ?? [] {
            logger.warning("plugin \(plugin): option \(warning.pointer ?? ""): \(warning.message)")
        }
        guard let first = errors?.first else { return }
        let key = (first.pointer ?? "").split(separator: "/").joined(separator: ".")
        throw PluginError(
            .options, plugin: plugin, "option \"\(key)\": \(first.message)", option: first.pointer)
    }
}
