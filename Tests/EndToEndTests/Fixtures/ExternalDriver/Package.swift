// swift-tools-version: 6.3
// A storage driver of somebody else's: it knows of Mooring where its sources lie, and uses the kit alone.
//
//   MOORING_SOURCE=/path/to/mooring swift build -c release --product StorageDictionary
import PackageDescription

let mooring = Context.environment["MOORING_SOURCE"] ?? "../../../.."

let package = Package(
    name: "external-driver",
    products: [.library(name: "StorageDictionary", type: .dynamic, targets: ["StorageDictionary"])],
    dependencies: [.package(name: "mooring", path: mooring)],
    targets: [
        .target(
            name: "StorageDictionary",
            dependencies: [.product(name: "PluginKit", package: "mooring")],
            swiftSettings: [.swiftLanguageMode(.v6)],
            linkerSettings: [
                .unsafeFlags(["-Xlinker", "--version-script=\(mooring)/Plugins/Kit/plugin.map"])
            ]
        )
    ]
)
