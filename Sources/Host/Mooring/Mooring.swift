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
}

/// What the product is called and which version it is.
enum Product {
    static let name = "mooring"
    static let version = "0.1.0"
}
