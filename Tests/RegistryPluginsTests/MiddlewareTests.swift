import NIOCore
import RegistryPlugins
import RegistryStorage
import TestSupport
import Testing

/// Stacks of middlewares.
@Suite("Middlewares")
struct MiddlewareTests {
    private func stack(
        _ layers: PluginComponent..., over directory: String
    ) async throws -> (inner: any StorageDriver, outer: any StorageDriver) {
        let host = PluginHost.forTests(files: [
            try PluginFixture.copy(of: BuildProducts.plugin("StorageFilesystem")),
            try PluginFixture.copy(
                of: try await PluginFixture.library("Tests/PluginContractTests/Fixtures/passthrough.c")),
        ])
        let filesystem = PluginComponent(name: "filesystem", options: #"{"rootdirectory":"\#(directory)"}"#)
        return (
            try await host.openStorage(filesystem), try await host.openStorage(filesystem, middleware: layers)
        )
    }

    private func layer(_ name: String, prefix: String? = nil) -> PluginComponent {
        PluginComponent(name: name, options: prefix.map { #"{"prefix":"\#($0)"}"# } ?? "{}")
    }

    @Test("xor really transforms what goes through it, both ways")
    func transforms() async throws {
        try await withTemporaryDirectory { directory in
            let (inner, outer) = try await stack(layer("xor"), over: directory.path)
            #expect(outer.name == "filesystem")
            let content: [UInt8] = [0, 1, 0x5a, 255]
            try await outer.put("/put", content)
            #expect(try await outer.get("/put") == content)
            #expect(try await outer.read("/put") == content)
            #expect(try await inner.get("/put") == content.map { $0 ^ 0x5a })
            let writer = try await outer.openWriter(at: try StoragePath("/written"), mode: .create, sizeHint: nil)
            try await writer.write([ByteBuffer(bytes: content), ByteBuffer(bytes: content)])
            try await writer.commit(checksum: "", if: nil)
            await writer.close()
            #expect(try await outer.read("/written") == content + content)
            #expect(try await inner.read("/written") == (content + content).map { $0 ^ 0x5a })
            let reader = try await outer.openReader(at: try StoragePath("/put"), offset: 0, length: nil)
            #expect(reader.file == nil, "a descriptor would go around it")
            reader.close()
        }
    }

    @Test("What a middleware leaves out is refused, not bypassed")
    func refuses() async throws {
        try await withTemporaryDirectory { directory in
            let (inner, outer) = try await stack(layer("refuse-walk"), over: directory.path)
            try await outer.put("/object", [1])
            let path = try StoragePath("/object")
            #expect(inner.capabilities.contains(.walk))
            #expect(!outer.capabilities.contains(.walk))
            #expect(!outer.capabilities.contains(.copy))
            await expectFailure(.unsupported) { try await outer.walk(.root, from: .start, limit: 10) }
            await expectFailure(.unsupported) { try await outer.copy(path, to: try StoragePath("/copy"), if: nil) }
            await expectFailure(.unsupported) { try await outer.removeBatch([path]) }
            await expectFailure(.unsupported) { try await outer.checksum(of: path, algorithm: "sha256") }
            #expect(try await inner.walk(.root, from: .start, limit: 10).entries.count == 1)
            #expect(try await inner.get("/object") == [1])
        }
    }

    @Test("A middleware that leaves out a required operation refuses it for the whole stack")
    func refusesMove() async throws {
        try await withTemporaryDirectory { directory in
            let (inner, outer) = try await stack(layer("refuse-move"), layer("passthrough"), over: directory.path)
            try await outer.put("/object", [1])
            let (from, to) = (try StoragePath("/object"), try StoragePath("/moved"))
            await expectFailure(.unsupported) { try await outer.move(from, to: to, if: nil) }
            #expect(try await inner.get("/object") == [1])
            await expectFailure(.notFound) { try await inner.look("/moved") }
        }
    }

    @Test("A middleware that says it is transparent lets pass what it leaves out")
    func transparent() async throws {
        try await withTemporaryDirectory { directory in
            let (inner, outer) = try await stack(layer("transparent"), over: directory.path)
            try await outer.put("/a/object", [1])
            #expect(outer.capabilities.contains(.walk) == inner.capabilities.contains(.walk))
            let walked = try await outer.walk(.root, from: .start, limit: 10)
            #expect(walked.entries.map(\.path) == ["/a/object"])
        }
    }

    @Test("The first middleware of the configuration is the innermost", arguments: [false, true])
    func order(isReversed: Bool) async throws {
        try await withTemporaryDirectory { directory in
            let layers = [layer("passthrough", prefix: "/first"), layer("passthrough", prefix: "/second")]
            let (inner, outer) =
                isReversed
                ? try await stack(layers[1], layers[0], over: directory.path)
                : try await stack(layers[0], layers[1], over: directory.path)
            try await outer.put("/object", [7])
            #expect(try await inner.get(isReversed ? "/second/first/object" : "/first/second/object") == [7])
            #expect(try await outer.children("/").entries.map(\.path) == ["/object"])
            #expect(try await outer.look("/object").path == "/object")
        }
    }

    @Test("Every operation goes through every layer")
    func counted() async throws {
        try await withTemporaryDirectory { directory in
            let (_, outer) = try await stack(layer("passthrough"), over: directory.path)
            try await outer.put("/object", [1])
            for _ in 0..<3 { _ = try await outer.get("/object") }
            _ = try await outer.read("/object")
            #expect(try await outer.look("/.calls/put_content").size == 1)
            #expect(try await outer.look("/.calls/get_content").size == 3)
            #expect(try await outer.look("/.calls/open_reader").size == 1)
            #expect(try await outer.look("/.calls/move_path").size == 0)
        }
    }

    @Test("An error of the inner driver comes through whole, named after the driver")
    func errors() async throws {
        let rogue = try await FixtureHost("rogue")
        let layers = try await FixtureHost("passthrough")
        let inner = try await rogue.open("rogue-error", options: #"{"number":9}"#)
        let outer = try await layers.host.wrap(inner, in: [layer("xor"), layer("passthrough", prefix: "/p")])
        let error = await expectFailure(.throttled) { try await outer.get("/object") }
        #expect(error?.message == "rogue: an error on purpose")
        #expect(error?.driver == "rogue-error")
        #expect(error?.hadNoEffect == true)
    }

    @Test("Cancelling reaches the plugin through a driver of the host below a middleware")
    func cancellationThroughExport() async throws {
        let rogue = try await FixtureHost("rogue")
        let layers = try await FixtureHost("passthrough")
        let slow = try await rogue.open("rogue-slow", options: #"{"number":30000}"#)
        // A transparent middleware can't be handed on as a table: the next one gets it exported.
        let outer = try await layers.host.wrap(slow, in: [layer("transparent"), layer("passthrough")])
        let start = ContinuousClock.now
        let task = Task { await expectFailure(.cancelled) { try await outer.look("/object") } }
        try await Task.sleep(for: .milliseconds(20))
        task.cancel()
        _ = await task.value
        #expect(ContinuousClock.now - start < .seconds(20))
    }
}
