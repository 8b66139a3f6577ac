import Foundation
import TestSupport
import Testing

/// A place for a storage root that can be made full and free again.
struct LimitedDisk: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// Starts a registry there; what makes it full, and what gives the space back.
    let start:
        @Sendable (TemporaryDirectory) async throws -> (
            registry: Registry, fill: @Sendable () async throws -> Void, free: @Sendable () async throws -> Void
        )

    static let all = isMountPossible ? [tmpfs, quota] : [quota]

    /// A small tmpfs in a mount namespace of the server's own, so that it goes with the server.
    static let tmpfs = LimitedDisk(testDescription: "a full tmpfs") { directory in
        let root = try directory.makeDirectory("root")
        let mount = "mount -t tmpfs -o size=8m none '\(root)' && exec '\(BuildProducts.server)' \"$@\""
        let server = try directory.write(
            "#!/bin/sh\nexec unshare -m sh -c '\(quoted(mount))' sh \"$@\"\n", to: "server")
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: server)
        let registry = try await start(.filesystem(root), in: directory, server: server)
        let filler = "/proc/\(registry.process.identifier)/root\(root)/filler"
        return (
            registry, { try await Command.run("sh", ["-c", "cat /dev/zero > '\(filler)' || true"]).checked() },
            { try await Command.run("rm", [filler]).checked() }
        )
    }

    /// A storage middleware that says so, for a machine where nothing can be mounted.
    static let quota = LimitedDisk(testDescription: "a middleware that refuses") { directory in
        let library = try await PluginFixture.library("Tests/PluginContractTests/Fixtures/passthrough.c")
        let mark = directory.path("full")
        var configuration = Configuration.filesystem(directory.path("root"))
        configuration.more = """
            middleware: {storage: [{name: quota, options: {full: \(mark)}}]}
            plugins: {load: [\(library)]}
            """
        let registry = try await start(configuration, in: directory, server: BuildProducts.server)
        return (
            registry, { try directory.write("", to: "full") }, { try FileManager.default.removeItem(atPath: mark) }
        )
    }

    /// Whether this user may mount in a namespace of its own.
    static let isMountPossible: Bool = {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()

    static func start(
        _ configuration: Configuration, in directory: TemporaryDirectory, server: String
    ) async throws -> Registry {
        let port = try FreePort.take()
        let file = try directory.write(configuration.yaml(address: "127.0.0.1:\(port)"), to: "config.yml")
        return try await Registry.start(file, port: port, server: server)
    }

    private static func quoted(_ text: String) -> String { text.replacingOccurrences(of: "'", with: "'\\''") }
}

@Suite("Full disk", .enabled(if: BuildProducts.serverIsOurs, "another server answers otherwise"))
struct FullDiskTests {
    private func expectNoSpace(_ response: RawResponse, _ comment: Comment) {
        #expect(response.status == 503, comment)
        #expect(response.errorCode == "UNAVAILABLE", comment)
        #expect(response.text.contains("no space"), comment)
        #expect(response["Retry-After"] == "10", comment)
    }

    @Test(
        "Without space writes answer 503, nothing is torn, and all goes on when there is space again",
        .timeLimit(.minutes(3)), arguments: LimitedDisk.all)
    func full(disk: LimitedDisk) async throws {
        try await withTemporaryDirectory { directory in
            let (registry, fill, free) = try await disk.start(directory)
            defer { registry.process.signal(SIGKILL) }
            let connection = try await registry.connect()
            let kept = try await ImageManifest(layers: [Blob.random(100_000)])
            try await connection.push(kept, to: "app", tag: "kept")
            let next = try await ImageManifest(layers: [Blob.random(150_000)])
            for blob in next.blobs { try await connection.push(blob, to: "app") }
            let blob = try await Blob.random(200_000)
            var upload = InterruptedUpload(blob: blob, location: try await connection.beginUpload(in: "app"))
            try await upload.patch(70_000, over: connection)

            try await fill()
            try await expectRefusals(of: connection, next, upload)
            try await expectServed(kept, tag: "kept", by: registry)
            let tags = try await connection.request("GET", "/v2/app/tags/list").json["tags"] as? [String]
            #expect(tags == ["kept"])
            #expect(registry.process.log.contains("noSpace"))
            #expect(registry.process.log.contains("No space left on device"))

            try await free()
            #expect(try await upload.findEnd(over: connection))
            #expect((70_000...200_000).contains(upload.acknowledged))
            try await upload.finish(over: connection) { _ in }
            #expect(try await connection.request("GET", "/v2/app/blobs/\(blob.digest)").body == blob.bytes)
            try await connection.push(next, to: "app", tag: "next")
            try await expectServed(next, tag: "next", by: registry)
            try await expectServed(kept, tag: "kept", by: registry)
            await registry.process.terminate()
        }
    }

    /// Every kind of write. Bodies are short, so that the answer isn't lost while they are still on their way.
    private func expectRefusals(
        of connection: RawConnection, _ image: ImageManifest, _ upload: InterruptedUpload
    ) async throws {
        let lost = try await Blob.random(100_000)
        let post = "/v2/app/blobs/uploads/?digest=\(lost.digest)"
        expectNoSpace(try await connection.request("POST", post, body: lost.bytes), "POST with the digest")
        let session = try await connection.beginUpload(in: "app")
        expectNoSpace(
            try await connection.request("PUT", adding(digest: lost.digest, to: session), body: lost.bytes),
            "PUT with all bytes")
        expectNoSpace(
            try await connection.request("PATCH", upload.location, body: Data(upload.rest.prefix(100_000))), "PATCH")
        let status = try await connection.request("GET", upload.location)
        // A session that a failed write left open is put right first, which may need to write.
        #expect([204, 503].contains(status.status))
        if status.status == 204 { #expect(status["Range"].map { $0 >= "0-69999" } == true) }
        expectNoSpace(
            try await connection.request(
                "PUT", adding(digest: upload.blob.digest, to: upload.location), body: Data(upload.rest)),
            "PUT that ends an upload")
        for reference in ["next", image.manifest.digest] {
            expectNoSpace(
                try await connection.request(
                    "PUT", "/v2/app/manifests/\(reference)", headers: [("Content-Type", ImageManifest.mediaType)],
                    body: image.manifest.bytes),
                "manifest by \(reference)")
        }
        for path in ["blobs/\(lost.digest)", "manifests/next", "manifests/\(image.manifest.digest)"] {
            #expect(try await connection.request("GET", "/v2/app/\(path)").status == 404, "\(path)")
        }
    }

    @Test(
        "A limit on the size of files is an error of the write and not the end of the server", .timeLimit(.minutes(2)))
    func fileSizeLimit() async throws {
        try await withTemporaryDirectory { directory in
            // Blocks of 512 bytes.
            let script = "#!/bin/sh\nulimit -f 600\nexec '\(BuildProducts.server)' \"$@\"\n"
            let server = try directory.write(script, to: "server")
            try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: server)
            let registry = try await LimitedDisk.start(
                .filesystem(directory.path("root")), in: directory, server: server)
            defer { registry.process.signal(SIGKILL) }
            let connection = try await registry.connect()
            let blob = try await Blob.random(400_000)
            var upload = InterruptedUpload(blob: blob, location: try await connection.beginUpload(in: "app"))
            try await upload.patch(200_000, over: connection)
            expectNoSpace(try await connection.request("PATCH", upload.location, body: Data(upload.rest)), "PATCH")
            #expect(try await upload.findEnd(over: connection))
            #expect(upload.acknowledged == 200_000)
            try await connection.push(try await Blob.random(200_000), to: "app")
            #expect(registry.process.log.contains("File too large"))
            #expect(await registry.process.terminate()?.isSuccess == true)
        }
    }
}

extension InterruptedUpload {
    /// What the registry doesn't have.
    var rest: Data { Data(blob.bytes.dropFirst(acknowledged)) }
}
