import Foundation
import RegistryPlugins
import RegistryStorage
import TestSupport
import Testing

/// A storage driver that the contract is held against: one plugin, or a stack of them, reached through `dlopen` and the C
/// tables like every plugin of an installation.
struct StorageDriverUnderTest: Sendable, CustomTestStringConvertible {
    let name: String
    /// Whether another instance on the same directory sees the same objects.
    let isPersistent: Bool
    /// A directory without objects may still be listed as a prefix.
    var keepsEmptyPrefixes = false
    /// A layer puts everything below this path: the prefix takes from the length of paths, it may be missing as long as
    /// nothing was written, and what the layer composes from an illegal path may be a legal one for the driver.
    var prefix = ""
    /// Keys are independent of each other, as object stores have them: an object may stand below an object, or where others
    /// have a prefix, and nobody looks.
    var hasFlatKeys = false
    /// A batch says whether each object was there.
    var tellsAbsenceInBatches = true
    /// Every call is a request to a server: what only repeats is repeated less.
    var isRemote = false
    /// The most names of a path.
    var mostSegments = 512
    /// Bytes of a path that every store of the driver takes.
    var longestPath = 1024
    let open: @Sendable (_ directory: String) async throws -> any StorageDriver

    var testDescription: String { name }

    /// All of them, or those whose name contains `MOORING_DRIVER`, for who works on one.
    static let all = [
        filesystem, memory, template, threaded, stacked, exported, gcs, gcsStrict, azure, seaweed, moto,
    ].filter { subject in
        ProcessInfo.processInfo.environment["MOORING_DRIVER"].map { subject.name.contains($0) } ?? true
    }

    static let persistent = all.filter(\.isPersistent)

    static let filesystem = plugin(
        "filesystem", isPersistent: true, keepsEmptyPrefixes: true, options: { #"{"rootdirectory":"\#($0)"}"# })
    static let memory = plugin("inmemory", isPersistent: false, options: { _ in "{}" })
    static let template = plugin("template", isPersistent: true, options: { #"{"directory":"\#($0)/objects"}"# })
    /// Completes every call on a thread of its own.
    static let threaded = plugin("rogue-threaded", isPersistent: false, options: { _ in "{}" })

    /// Two middlewares over files: one that hands calls on as they are, and one that changes every path.
    static let stacked = StorageDriverUnderTest(
        name: "filesystem in two middlewares", isPersistent: true, keepsEmptyPrefixes: true, prefix: "/inner/layer"
    ) { directory in
        try await TestPlugins.host().openStorage(
            PluginComponent(name: "filesystem", options: #"{"rootdirectory":"\#(directory)"}"#),
            middleware: [
                PluginComponent(name: "passthrough", options: #"{"prefix":"/inner/layer"}"#),
                PluginComponent(name: "passthrough", options: "{}"),
            ])
    }

    /// A driver of the host below a middleware: calls leave through the host's own C table.
    static let exported = StorageDriverUnderTest(name: "inmemory exported to a middleware", isPersistent: false) { _ in
        let host = try await TestPlugins.host()
        let inner = try await host.openStorage(PluginComponent(name: "inmemory", options: "{}"))
        return try await host.wrap(
            ForwardingDriver(inner), in: [PluginComponent(name: "passthrough", options: "{}")])
    }

    /// The plugin `gcs` on fake-gcs-server, each store in a bucket of its own.
    static let gcs = StorageDriverUnderTest(name: "gcs", isPersistent: true, hasFlatKeys: true, isRemote: true) {
        directory in
        let server = try await FakeGCSServer.shared()
        let bucket = try await server.bucket(bucketName(for: directory))
        return try await TestPlugins.host().openStorage(PluginComponent(name: "gcs", options: server.options(bucket)))
    }

    /// The same on the strict fake.
    static let gcsStrict = StorageDriverUnderTest(
        name: "gcs on the strict fake", isPersistent: true, hasFlatKeys: true, isRemote: true
    ) { directory in
        let server = try await CloudStorageServer.shared()
        let bucket = bucketName(for: directory)
        try await server.control("storage/v1/b", body: #"{"name":"\#(bucket)"}"#)
        let options = #"{"bucket":"\#(bucket)","endpoint":"\#(server.endpoint)","anonymous":true}"#
        return try await TestPlugins.host().openStorage(PluginComponent(name: "gcs", options: options))
    }

    /// The same name for the same directory.
    private static func bucketName(for directory: String) -> String {
        "store-"
            + directory.utf8.reduce(into: UInt64(14_695_981_039_346_656_037)) { hash, byte in
                hash = (hash ^ UInt64(byte)) &* 1_099_511_628_211
            }.description
    }

    /// A store that verifies signatures, knows conditions, and lists folders as a file system does.
    static let seaweed = s3("s3 on SeaweedFS", keepsEmptyPrefixes: true) { try await S3Server.seaweed() }
    /// Amazon's behaviour as its test double has it: keys in bytewise order, parts of 5 MiB at least.
    static let moto = s3("s3 on moto") { try await S3Server.moto() }

    private static func s3(
        _ name: String, keepsEmptyPrefixes: Bool = false, server: @escaping @Sendable () async throws -> S3Server
    ) -> StorageDriverUnderTest {
        var subject = StorageDriverUnderTest(
            name: name, isPersistent: true, keepsEmptyPrefixes: keepsEmptyPrefixes
        ) { directory in
            let options = try await server().options(root: String(directory.dropFirst()))
            return try await TestPlugins.host().openStorage(PluginComponent(name: "s3", options: options))
        }
        subject.hasFlatKeys = true
        subject.tellsAbsenceInBatches = false
        subject.isRemote = true
        // Of the 1024 bytes of a key some are the root's, and some a suspended writer's.
        subject.longestPath = 800
        return subject
    }

    private static func plugin(
        _ name: String, isPersistent: Bool, keepsEmptyPrefixes: Bool = false,
        options: @escaping @Sendable (String) -> String
    ) -> StorageDriverUnderTest {
        StorageDriverUnderTest(name: name, isPersistent: isPersistent, keepsEmptyPrefixes: keepsEmptyPrefixes) {
            try await TestPlugins.host().openStorage(PluginComponent(name: name, options: options($0)))
        }
    }
}

/// The one host of the process: a plugin's entry is called once per file.
enum TestPlugins {
    static let templateSource = "Plugins/Template/template.c"
    static let rogueSource = "Tests/PluginContractTests/Fixtures/rogue.c"
    static let passthroughSource = "Tests/PluginContractTests/Fixtures/passthrough.c"

    private static let shared = Task {
        PluginHost.forTests(files: [
            BuildProducts.plugin("StorageFilesystem"), BuildProducts.plugin("StorageMemory"),
            BuildProducts.plugin("StorageGCS"), BuildProducts.plugin("StorageAzure"), BuildProducts.plugin("StorageS3"),
            try await PluginFixture.library(templateSource), try await PluginFixture.library(rogueSource),
            try await PluginFixture.library(passthroughSource),
        ])
    }

    static func host() async throws -> PluginHost { try await shared.value }
}

/// An empty store of a driver under test.
struct Store: Sendable {
    let subject: StorageDriverUnderTest
    let driver: any StorageDriver
    let directory: String

    /// Another instance on the same directory.
    func reopen() async throws -> any StorageDriver { try await subject.open(directory) }

    /// As another process would see it, where there can be one: another instance, else the same.
    func other() async throws -> any StorageDriver { subject.isPersistent ? try await reopen() : driver }

    func has(_ capability: StorageCapabilities) -> Bool { driver.capabilities.contains(capability) }
}

extension StorageDriverUnderTest {
    /// Runs a test with a fresh instance on a fresh directory, and looks afterwards that everything can be removed again.
    func withStore(_ body: (Store) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let path = try directory.makeDirectory("store")
            let store = Store(subject: self, driver: try await open(path), directory: path)
            try await body(store)
            try await empty(store.driver)
        }
    }

    private func empty(_ driver: any StorageDriver) async throws {
        for entry in try await driver.entries("/") {
            try await driver.remove(try StoragePath(entry.path), tree: true)
        }
        #expect(try await driver.entries("/").isEmpty, "something was left over")
    }
}
