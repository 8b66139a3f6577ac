import ArgumentParser

/// The command `mooring`.
@main
struct Mooring: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mooring",
        abstract: "An OCI container registry built from plugins.",
        discussion: """
            Serve images with no configuration at all:
              mooring serve
            or with the config.yml of an existing registry:
              mooring serve /etc/distribution/config.yml
            """,
        version: "mooring \(Product.version) (plugin ABI 1)",
        subcommands: [ServeCommand.self, ConfigCommand.self, PluginCommand.self])

    /// `serve`, and `serve` with a file, are understood here: a server restarts fast, and building the tree of all commands
    /// takes as long as the rest of its start.
    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        guard arguments.first == "serve", arguments.count <= 2, arguments.last?.hasPrefix("-") == false else {
            return main(nil)
        }
        do {
            try ServeCommand.serve(arguments.dropFirst().first)
        } catch {
            ServeCommand.exit(withError: error)
        }
    }
}

/// What the product is called and which version it is.
enum Product {
    static let name = "mooring"
    static let version = "0.1.0"
}
