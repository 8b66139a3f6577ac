// swift-tools-version: 6.3
// The dependency rules of the project, executable. Arrows point one way:
//
//   Mooring → RegistryHTTP → {HTTPServer, RegistryCore} → RegistryStorage → RegistryModel
//   Mooring → RegistryPlugins → {RegistryStorage, PluginABI}
//   Plugins/* → {PluginABI, PluginKit, ObjectStoreKit, C libraries}      never a host module
//
// Tests/ArchitectureTests holds the same rules against the sources and the linked files.
import PackageDescription

// `make fuzz` builds the host with libFuzzer's instrumentation and one executable more.
let isFuzzing = Context.environment["MOORING_FUZZ"] != nil

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// The settings of a host module: what a fuzzer looks at.
let hostSettings = settings + (isFuzzing ? [.unsafeFlags(["-sanitize=fuzzer"])] : [])

// A plugin exports its entry and nothing else, stays mapped for ever, and resolves every symbol when it is loaded.
let pluginLink: [LinkerSetting] = [
    .unsafeFlags([
        "-Xlinker", "--version-script=\(Context.packageDirectory)/Plugins/Kit/plugin.map",
        "-Xlinker", "-z", "-Xlinker", "nodelete",
        "-Xlinker", "-z", "-Xlinker", "defs",
        "-Xlinker", "-z", "-Xlinker", "now",
    ])
]

// In a release each file brings the part of the Swift runtime that it uses: nothing but the C and C++ libraries has to be
// installed, the server starts without resolving thousands of symbols, and plugins don't depend on its compiler. Relative
// relocations are packed (glibc 2.36 and newer), which spares a megabyte of memory for each such file.
let release: [LinkerSetting] = [
    .unsafeFlags(
        [
            "-static-stdlib", "-use-ld=lld", "-Xlinker", "-z", "-Xlinker", "pack-relative-relocs", "-Xlinker", "-O2",
            // Nothing may bind to the server by accident.
            "-Xlinker", "--no-export-dynamic",
            // What FoundationEssentials needs, which is linked by name only where Foundation is static for the compiler too.
            "-l_FoundationCollections", "-l_FoundationCShims",
        ], .when(configuration: .release))
]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")

/// A host module below `Sources/Host`.
func host(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/Host/\(name)", swiftSettings: hostSettings)
}

/// A plugin of the tree: its target and the shared library that holds it.
func plugin(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(
        name: name,
        dependencies: ["PluginKit", "PluginABI"] + dependencies,
        path: "Plugins/\(name)",
        exclude: ["README.md"],
        swiftSettings: settings,
        linkerSettings: pluginLink + release
    )
}

func tests(
    _ name: String, _ dependencies: [Target.Dependency], path: String? = nil, exclude: [String] = []
) -> Target {
    .testTarget(
        name: name,
        dependencies: dependencies,
        path: path ?? "Tests/\(name)",
        exclude: exclude,
        swiftSettings: settings
    )
}

let package = Package(
    name: "mooring",
    products: [
        .executable(name: "mooring", targets: ["Mooring"]),
        .library(name: "PluginKit", targets: ["PluginKit"]),
        .library(name: "StorageFilesystem", type: .dynamic, targets: ["StorageFilesystem"]),
        .library(name: "StorageMemory", type: .dynamic, targets: ["StorageMemory"]),
        .library(name: "StorageS3", type: .dynamic, targets: ["StorageS3"]),
        .library(name: "StorageGCS", type: .dynamic, targets: ["StorageGCS"]),
        .library(name: "MiddlewareRedirect", type: .dynamic, targets: ["MiddlewareRedirect"]),
        .library(name: "MiddlewareRewrite", type: .dynamic, targets: ["MiddlewareRewrite"]),
        .library(name: "MiddlewareCloudFront", type: .dynamic, targets: ["MiddlewareCloudFront"]),
        .library(name: "MiddlewareChaos", type: .dynamic, targets: ["MiddlewareChaos"]),
        .library(name: "StorageAzure", type: .dynamic, targets: ["StorageAzure"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    ],
    targets: [
        // The contract between host and plugins: one C11 header.
        .target(name: "PluginABI", path: "Sources/PluginABI", exclude: ["README.md"]),

        // Host. libyaml is a system library: Yams would bring all of Foundation into the server.
        .systemLibrary(
            name: "CYAML", path: "Sources/Host/CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        host("RegistryModel", []),
        host("RegistryStorage", ["RegistryModel", nioCore]),
        host("RegistryTelemetry", [logging]),
        host("RegistryConfiguration", ["CYAML"]),
        host(
            "HTTPServer",
            [
                "CHostLinux", nioCore, nioPosix, nioHTTP1, logging,
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOHTTP2", package: "swift-nio-http2"),
                .product(name: "NIOHPACK", package: "swift-nio-http2"),
            ]),
        .systemLibrary(name: "CHostLinux", path: "Sources/Host/CHostLinux"),
        host(
            "RegistryPlugins",
            [
                "CHostLinux", "PluginABI", "RegistryModel", "RegistryStorage", "RegistryTelemetry", nioCore, logging,
                crypto,
            ]),
        host("RegistryCore", ["RegistryModel", "RegistryStorage", nioCore, logging, crypto]),
        host("RegistryHTTP", ["HTTPServer", "RegistryCore", "RegistryModel", nioCore, nioHTTP1, logging]),
        .executableTarget(
            name: "Mooring",
            dependencies: [
                "RegistryHTTP", "RegistryCore", "RegistryStorage", "RegistryPlugins", "RegistryTelemetry",
                "RegistryConfiguration", "HTTPServer", "RegistryModel", logging, nioCore, nioHTTP1,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Sources/Host/Mooring",
            swiftSettings: settings,
            linkerSettings: release
        ),

        // Plugins.
        .target(
            name: "PluginKit", dependencies: ["PluginABI"], path: "Plugins/Kit",
            exclude: ["README.md", "plugin.map", "ObjectStoreKit", "CCurl", "CXML2", "COpenSSL", "CChecksum"],
            swiftSettings: settings),
        // What the drivers of object stores share. Its C libraries are the plugins' own: the host links none of them.
        .target(
            name: "ObjectStoreKit",
            dependencies: ["PluginKit", "CCurl", "CXML2", "COpenSSL", "CChecksum"],
            path: "Plugins/Kit/ObjectStoreKit",
            swiftSettings: settings),
        .systemLibrary(
            name: "CCurl", path: "Plugins/Kit/CCurl", pkgConfig: "libcurl",
            providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(
            name: "CXML2", path: "Plugins/Kit/CXML2", pkgConfig: "libxml-2.0", providers: [.apt(["libxml2-dev"])]),
        .systemLibrary(
            name: "COpenSSL", path: "Plugins/Kit/COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CChecksum", path: "Plugins/Kit/CChecksum"),
        .systemLibrary(name: "CLinux", path: "Plugins/CLinux"),
        plugin("StorageFilesystem", ["CLinux"]),
        plugin("StorageMemory"),
        plugin("StorageS3", ["ObjectStoreKit"]),
        plugin("StorageGCS", ["ObjectStoreKit"]),
        plugin("MiddlewareRedirect"),
        plugin("MiddlewareRewrite"),
        plugin("MiddlewareCloudFront", ["ObjectStoreKit"]),
        plugin("MiddlewareChaos"),
        plugin("StorageAzure", ["ObjectStoreKit"]),

        // Tests.
        .target(
            name: "TestSupport",
            dependencies: ["RegistryStorage", "RegistryPlugins", "RegistryTelemetry", nioCore, logging],
            path: "Tests/TestSupport",
            swiftSettings: settings),
        .target(
            name: "Fuzzing",
            dependencies: [
                "RegistryHTTP", "HTTPServer", "RegistryCore", "RegistryStorage", "RegistryModel",
                "RegistryConfiguration", "TestSupport", nioCore, nioHTTP1, logging, crypto,
            ],
            path: "Tests/Fuzz/Fuzzing",
            swiftSettings: settings),
        tests("FuzzTests", ["Fuzzing", "TestSupport"], path: "Tests/Fuzz/Replay"),
        tests("RegistryModelTests", ["RegistryModel"]),
        tests("RegistryTelemetryTests", ["RegistryTelemetry", logging]),
        tests("RegistryConfigurationTests", ["RegistryConfiguration"]),
        tests(
            "HTTPServerTests",
            [
                "HTTPServer", "TestSupport", nioCore, nioPosix, nioHTTP1,
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOHTTP2", package: "swift-nio-http2"),
                .product(name: "NIOHPACK", package: "swift-nio-http2"),
            ]),
        tests(
            "RegistryPluginsTests",
            [
                "RegistryPlugins", "RegistryStorage", "RegistryTelemetry", "PluginABI", "TestSupport", nioCore, logging,
            ]),
        tests("PluginKitTests", ["PluginKit"]),
        tests(
            "ObjectStoreKitTests", ["ObjectStoreKit", "PluginKit", "PluginABI", "TestSupport"], exclude: ["Fixtures"]),
        tests(
            "RegistryCoreTests",
            ["RegistryCore", "RegistryStorage", "RegistryModel", "TestSupport", nioCore, logging]),
        tests(
            "RegistryHTTPTests",
            [
                "RegistryHTTP", "HTTPServer", "RegistryCore", "RegistryStorage", "RegistryModel", "TestSupport",
                nioCore, nioHTTP1, logging,
            ]),
        tests(
            "PluginContractTests", ["RegistryPlugins", "RegistryStorage", "TestSupport", nioCore],
            exclude: ["Fixtures", "CHECKS.md"]),
        tests("EndToEndTests", ["TestSupport", crypto], exclude: ["Fixtures"]),
        tests("ConformanceTests", ["TestSupport", crypto]),
        tests("ArchitectureTests", ["TestSupport"]),
    ]
)

if isFuzzing {
    package.targets.append(
        .executableTarget(
            name: "mooring-fuzz",
            dependencies: ["Fuzzing"],
            path: "Tests/Fuzz/Executable",
            swiftSettings: settings,
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer"])]))
}
