/// Where a configuration value comes from.
public enum ConfigurationOrigin: Sendable, Hashable, CustomStringConvertible {
    /// The server's own default.
    case standard
    /// A place in the configuration file. Line and column count from 1.
    case file(name: String, line: Int, column: Int)
    /// A `REGISTRY_…` environment variable.
    case environment(variable: String)

    /// The place as compilers print it: `config.yml:12:3`, the variable's name, or `default`.
    public var description: String {
        switch self {
        case .standard: "default"
        case .file(let name, let line, let column): "\(Printable.escaped(name)):\(line):\(column)"
        case .environment(let variable): Printable.escaped(variable)
        }
    }

    /// The place without a column, as the effective configuration prints it.
    var short: String {
        if case .file(let name, let line, _) = self { return "\(Printable.escaped(name)):\(line)" }
        return description
    }
}
