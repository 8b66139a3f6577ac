// swift-tools-version: 6.3
// Plugins of somebody else's: they know of Mooring where its sources lie, and use the kit alone. Copy this package to
// begin with one of your own.
//
//   MOORING_SOURCE=/path/to/mooring swift build -c release --product KeepTags
import PackageDescription

let mooring = Context.environment["MOORING_SOURCE"] ?? "../../../.."

/// A plugin: its library exports the entry alone.
func plugin(_ name: String) -> Target {
    .target(
        name: name,
        dependencies: [.product(name: "PluginKit", package: "mooring")],
        swiftSettings: [.swiftLanguageMode(.v6)],
        linkerSettings: [.unsafeFlags(["-Xlinker", "--version-script=\(mooring)/Plugins/Kit/plugin.map"])]
    )
}

let package = Package(
    name: "external-driver",
    products: ["StorageDictionary", "KeepTags"].map { .library(name: $0, type: .dynamic, targets: [$0]) },
    dependencies: [.package(name: "mooring", path: mooring)],
    targets: ["StorageDictionary", "KeepTags"].map(plugin)
)
