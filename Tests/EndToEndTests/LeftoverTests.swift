import Foundation
import TestSupport
import Testing

@Suite("What crashes leave", .enabled(if: BuildProducts.serverIsOurs, "another server leaves other files"))
struct LeftoverTests {
    private static let digits = String(repeating: "0123456789abcde", count: 2) + "0"

    @Test(
        "What crashes left goes after some days, unless it is young or in use, also where folders don't tell types",
        .timeLimit(.minutes(3)), arguments: [true, false])
    func sweep(tellsTypes: Bool) async throws {
        try await withRegistry { registry, directory in
            let root = directory.path("root")
            let image = try await ImageManifest(layers: [Blob.random(1000)])
            try await registry.connect().push(image, to: "app", tag: "kept")
            let killed = try await killedUpload(by: registry, root)
            let folder = URL(fileURLWithPath: killed).deletingLastPathComponent().path

            // The second of each kind has the name that earlier servers gave.
            let old = [
                killed, "\(folder)/.data.f\(Self.digits).tmp", "\(folder)/data.f\(Self.digits).tmp",
                "\(folder)/.link.0\(Self.digits).tmp", "\(folder)/link.0\(Self.digits).tmp",
                "\(root)/.new.f\(Self.digits).tmp/_manifests/x", "\(root)/new.f\(Self.digits).tmp/_manifests/x",
            ]
            let removed = ["\(root)/.removed.d\(Self.digits).tmp", "\(root)/removed.d\(Self.digits).tmp"]
            let young = ["\(folder)/.data.1.0\(Self.digits).tmp", "\(folder)/.data.1.f\(Self.digits).tmp"]
            // What belongs to an upload goes when the operator says.
            let upload = "\(root)/docker/registry/v2/repositories/app/_uploads/1/.data.0\(Self.digits).tmp"
            let locked = "\(folder)/.data.2.0\(Self.digits).tmp"
            // Names that only look like ours.
            var foreign = [
                "\(folder)/.data.2.e\(Self.digits).tmp", "\(folder)/data.f\(Self.digits)a.tmp",
                "\(folder)/v1.f\(Self.digits).tmp", "\(folder)/data.6b1b1dcc-1d43-4a5f-9d0a-2b2f3c0a7c11.tmp",
            ]
            // Legal names of repositories and tags, which another registry may have taken.
            let repositories = "\(root)/docker/registry/v2/repositories"
            let folders = ["d", "f", "0"].flatMap { digit in
                ["\(repositories)/app", "\(repositories)/app/_manifests/tags/t"].map {
                    "\($0).\(digit)\(Self.digits).tmp"
                }
            }
            foreign += folders.map { "\($0)/link" } + [upload]
            for path in old.dropFirst() + young + foreign + [locked] + removed.map({ $0 + "/current/link" }) {
                try write(path)
            }
            let cradles = [".new", "new"].map { "\(root)/\($0).f\(Self.digits).tmp" }
            try await age(old + foreign + folders + [locked] + cradles)
            let descriptor = open(locked, O_RDWR)
            defer { close(descriptor) }
            #expect(flock(descriptor, LOCK_EX | LOCK_NB) == 0)

            let again = try await registry.restarted(
                environment: tellsTypes ? [:] : ["LD_PRELOAD": try await typesUnknown(in: directory)])
            try await eventually("what is old is gone", within: .seconds(30)) {
                !(old + removed).contains { FileManager.default.fileExists(atPath: $0) }
            }
            try await eventually("the log tells") { again.process.log.contains("crashes had left") }
            for path in young + foreign + [locked] {
                #expect(FileManager.default.fileExists(atPath: path), "\(path)")
            }
            try await expectServed(image, tag: "kept", by: again)
            await again.process.terminate()
        }
    }

    @Test("Names of repositories and tags that look like temporary names are names", .timeLimit(.minutes(2)))
    func legalNames() async throws {
        try await withRegistry { registry, _ in
            let like = "v1.f\(Self.digits).tmp"
            let image = try await ImageManifest(layers: [Blob.random(1000)])
            let connection = try await registry.connect()
            for name in ["team/\(like)/app", like] {
                try await connection.push(image, to: name, tag: like)
                let tags = try await connection.request("GET", "/v2/\(name)/tags/list")
                #expect(tags.text.contains("\"\(like)\""), "\(tags.text)")
                #expect(try await connection.request("GET", "/v2/\(name)/manifests/\(like)").status == 200)
            }
            let catalog = try await connection.request("GET", "/v2/_catalog")
            #expect(catalog.text.contains("team/\(like)/app"), "\(catalog.text)")
        }
    }

    @Test(
        "Uploads that nobody finished are removed as the operator says", .timeLimit(.minutes(2)),
        arguments: [true, false])
    func purge(isDryRun: Bool) async throws {
        try await withTemporaryDirectory { directory in
            let uploads = "root/docker/registry/v2/repositories/team/app/_uploads"
            for (id, started) in [
                ("old", "2020-01-02T03:04:05Z"), ("paused", "2020-01-02T03:04:05Z"), ("odd", "yesterday"),
            ] {
                try directory.write(started, to: "\(uploads)/\(id)/startedat")
                try directory.write("bytes", to: "\(uploads)/\(id)/data")
            }
            let old = ["old/data", "old", "paused", "odd/data", "odd"].map { directory.path("\(uploads)/\($0)") }
            try await age(old)
            var configuration = Configuration.filesystem(directory.path("root"))
            configuration.storage += """
                \nmaintenance: {uploadpurging: {enabled: true, age: 168h, interval: 1s, dryrun: \(isDryRun)}}
                """
            try await withRegistry(in: directory, configuration) { registry in
                try await eventually("the purge is over", within: .seconds(30)) {
                    registry.process.log.contains("abandoned uploads were looked for")
                }
                let left = try FileManager.default.contentsOfDirectory(atPath: directory.path(uploads)).sorted()
                #expect(left == (isDryRun ? ["odd", "old", "paused"] : ["odd", "paused"]))
                #expect(registry.process.log.contains("found=1 removed=\(isDryRun ? 0 : 1)"))
                #expect(registry.process.log.contains("team/app/_uploads/old"))
            }
        }
    }

    /// A library under which no folder tells what its entries are, as on some file systems.
    private func typesUnknown(in directory: TemporaryDirectory) async throws -> String {
        let source = try directory.write(
            """
            #define _GNU_SOURCE
            #include <dirent.h>
            #include <dlfcn.h>
            struct dirent *readdir(DIR *folder) {
                struct dirent *(*real)(DIR *) = (struct dirent * (*)(DIR *)) dlsym(RTLD_NEXT, "readdir");
                struct dirent *entry = real(folder);
                if (entry)
                    entry->d_type = DT_UNKNOWN;
                return entry;
            }
            """, to: "unknown.c")
        let library = directory.path("unknown.so")
        try await Command.run("cc", ["-shared", "-fPIC", "-o", library, source]).checked()
        return library
    }

    /// Kills the server in the middle of an upload; the file that this leaves.
    private func killedUpload(by registry: Registry, _ root: String) async throws -> String {
        let lost = try await Blob.random(3_000_000)
        let connection = try await registry.connect()
        try await connection.send(
            "POST /v2/app/blobs/uploads/?digest=\(lost.digest) HTTP/1.1\r\nHost: localhost\r\n"
                + "Content-Length: \(lost.bytes.count)\r\n\r\n")
        try await connection.send(lost.bytes.prefix(2_000_000))
        let folder = "\(root)/docker/registry/v2/blobs/sha256/\(lost.hex.prefix(2))/\(lost.hex)"
        var found: String?
        try await eventually("some of the upload is in the root") {
            found = try? FileManager.default.contentsOfDirectory(atPath: folder).first
            guard let name = found else { return false }
            let size = try FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")[.size] as? Int
            return size ?? 0 > 0
        }
        await registry.process.kill()
        return "\(folder)/\(try #require(found))"
    }

    private func write(_ path: String) throws {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data("left".utf8).write(to: URL(fileURLWithPath: path))
    }

    private func age(_ paths: [String]) async throws {
        try await Command.run("touch", ["-d", "8 days ago"] + paths).checked()
    }
}
