/// Why a plugin can't be used: which file, which plugin, which rule, and what was found.
public struct PluginError: Error, Sendable, CustomStringConvertible {
    /// The rules a plugin and its file must keep.
    public enum Rule: String, Sendable, CaseIterable {
        /// The file can be opened and is a regular file.
        case fileReadable = "file-readable"
        /// Neither the file nor its directory can be written by everybody.
        case notWorldWritable = "not-world-writable"
        /// The file's SHA-256 is the configured one.
        case digestMatches = "sha256-matches"
        /// The file is a 64-bit ELF shared object for this machine.
        case elfSharedObject = "elf-shared-object"
        /// The dynamic linker loads it, with all symbols resolved.
        case loads = "loads"
        /// It exports `moor_plugin_entry`.
        case hasEntry = "has-entry"
        /// The entry returns success.
        case entrySucceeds = "entry-succeeds"
        /// It speaks the host's major version of the ABI.
        case abiVersion = "abi-version"
        /// Tables are filled within their size and hold what is required.
        case tableSize = "table-size"
        /// `info_json` is an object with name, version and components.
        case infoJSON = "info-json"
        /// Some loaded plugin offers the component that the configuration names.
        case componentExists = "component-exists"
        /// The options are those of the component's schema.
        case options = "options"
        /// The component makes and starts an instance.
        case instanceStarts = "instance-starts"
        /// The instance has the role it is used in.
        case interfaceOffered = "interface-offered"
        /// An operation completes once, not twice.
        case completesOnce = "completes-once"
        /// An operation completes before its deadline.
        case completes = "completes"
        /// Lengths and counts lie inside what was asked for.
        case lengthsInRange = "lengths-in-range"
        /// Entries of a listing lie below the path, behind the cursor, and in ascending order.
        case entriesAscend = "entries-ascend"
        /// Text is UTF-8.
        case textIsUTF8 = "text-is-utf-8"
        /// A success brings its result, an error brings none.
        case resultPresent = "result-present"
        /// A descriptor is open, a regular file, and as long as promised.
        case descriptorValid = "descriptor-valid"
        /// Error codes are those of the header.
        case codeKnown = "code-known"
        /// The process survives the entry.
        case survivesEntry = "survives-entry"
    }

    /// The rule that was broken.
    public let rule: Rule
    /// The plugin's name or its file.
    public let plugin: String
    /// What was found, and what to do.
    public let message: String
    /// For `options`: the JSON pointer of the option that is wrong.
    public let option: String?

    /// A broken rule.
    public init(_ rule: Rule, plugin: String, _ message: String, option: String? = nil) {
        self.rule = rule
        self.plugin = plugin
        self.message = message
        self.option = option
    }

    /// Plugin, message and rule, for a person.
    public var description: String { "plugin \(plugin): \(message) [rule \(rule.rawValue)]" }
}
