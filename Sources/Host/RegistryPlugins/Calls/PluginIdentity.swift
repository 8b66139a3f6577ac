import RegistryStorage

/// Who a plugin is, for errors and logs. Never freed, as the plugin is never unloaded.
final class PluginIdentity: Sendable {
    /// The plugin's name, for violations.
    let name: String
    /// What errors name: the component as the configuration names it; in a stack the innermost driver.
    let driver: String
    let violations: ViolationLog

    private init(name: String, driver: String, violations: ViolationLog) {
        self.name = name
        self.driver = driver
        self.violations = violations
    }

    static func make(name: String, driver: String, violations: ViolationLog) -> PluginIdentity {
        let identity = PluginIdentity(name: name, driver: driver, violations: violations)
        // Slots keep unowned references to the identity of their last user for ever.
        _ = Unmanaged.passRetained(identity)
        return identity
    }

    /// Notes a broken rule and gives it as the error that the caller of the operation gets.
    func violation(_ rule: PluginError.Rule, _ message: String) -> StorageError {
        StorageError(.internal, violations.record(rule, plugin: name, message).description, driver: driver)
    }
}
