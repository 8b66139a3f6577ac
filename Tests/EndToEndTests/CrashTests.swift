import Foundation
import TestSupport
import Testing

@Suite("Crashes and orderly ends")
struct CrashTests {
    /// The request in whose middle the server dies.
    enum Interrupted: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case patch = "PATCH"
        case put = "PUT with the digest"
        case post = "POST with the digest"

        var testDescription: String { rawValue }

        func head(on connection: RawConnection, blob: Blob) async throws -> String {
            if self == .post { return "POST /v2/app/blobs/uploads/?digest=\(blob.digest)" }
            let session = try await connection.beginUpload(in: "app")
            return self == .put ? "PUT \(adding(digest: blob.digest, to: session))" : "PATCH \(session)"
        }
    }

    @Test(
        "After a kill in the middle of an upload, what was acknowledged is there and nothing partial",
        .timeLimit(.minutes(3)), arguments: Interrupted.allCases)
    func killedUpload(interrupted: Interrupted) async throws {
        try await withRegistry { registry, directory in
            let image = try await ImageManifest(layers: [Blob.random(3_000_000)])
            try await registry.connect().push(image, to: "app", tag: "kept")

            let lost = try await Blob.random(32_000_000)
            let connection = try await registry.connect()
            let head = try await interrupted.head(on: connection, blob: lost)
            try await connection.send(
                "\(head) HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(lost.bytes.count)\r\n\r\n")
            try await connection.send(lost.bytes.prefix(20_000_000))
            // The kill has to find the upload under way: some of its bytes are in the root.
            try await eventually("the server has written some of the upload") {
                bytes(below: directory.path("root")) > 3_000_000 + 1_000_000
            }
            #expect(await registry.process.kill() == .signalled(SIGKILL))

            let again = try await registry.restarted()
            try await expectServed(image, tag: "kept", by: again)
            #expect(try await again.curl("/v2/app/blobs/\(lost.digest)").status == 404)
            try await expectWholeBlobs(in: directory.path("root"))
            try await again.connect().push(lost, to: "app")
            #expect(try await again.curl("/v2/app/blobs/\(lost.digest)").body == lost.bytes)
            await again.process.terminate()
        }
    }

    @Test("SIGTERM lets an upload and a download end, takes no new connection, and exits 0", .timeLimit(.minutes(3)))
    func drain() async throws {
        try await withTemporaryDirectory { directory in
            var configuration = Configuration.filesystem(directory.path("root"))
            configuration.http += "\ndraintimeout: 60s"
            try await withRegistry(in: directory, configuration) { registry in
                let large = try await Blob.random(40_000_000)
                try await registry.connect().push(large, to: "app")

                let download = try await registry.connect()
                try await download.send("GET /v2/app/blobs/\(large.digest) HTTP/1.1\r\nHost: localhost\r\n\r\n")
                let begun = try await download.read(100)
                #expect(String(decoding: begun, as: UTF8.self).hasPrefix("HTTP/1.1 200"))

                let new = try await Blob.random(16_000_000)
                let upload = try await registry.connect()
                let session = try await upload.beginUpload(in: "app")
                try await upload.send(
                    "PUT \(adding(digest: new.digest, to: session)) HTTP/1.1\r\nHost: localhost\r\n"
                        + "Content-Length: \(new.bytes.count)\r\n\r\n")
                try await upload.send(new.bytes.prefix(12_000_000))
                // A connection whose request has not been read yet may be taken for an idle one.
                try await eventually("the server has written some of the upload") {
                    bytes(below: directory.path("root")) > 40_000_000 + 1_000_000
                }

                registry.process.signal(SIGTERM)
                try await eventually("no new connection is taken") { (try? await registry.connect()) == nil }
                #expect(registry.process.status == nil)

                try await upload.send(Data(new.bytes.dropFirst(12_000_000)))
                #expect(try await upload.response().status == 201)
                // The first bytes of the response have been read already; its end is the blob's end.
                var rest = begun
                while rest.range(of: Data("\r\n\r\n".utf8)) == nil { rest += try await download.read(1) }
                let inBody = rest.count - (rest.range(of: Data("\r\n\r\n".utf8))?.upperBound ?? 0)
                let body = try await rest.suffix(inBody) + download.read(large.bytes.count - inBody)
                #expect(body == large.bytes)

                upload.close()
                download.close()
                #expect(await registry.process.waitForEnd(within: .seconds(20)) == .exited(0))
            }
        }
    }
}

/// Expects an image with its blobs from a registry, by tag and by digest.
func expectServed(_ image: ImageManifest, tag: String, by registry: Registry) async throws {
    let connection = try await registry.connect()
    for reference in [tag, image.manifest.digest] {
        let manifest = try await connection.request(
            "GET", "/v2/app/manifests/\(reference)", headers: [("Accept", ImageManifest.mediaType)])
        #expect(manifest.status == 200, "\(reference)")
        #expect(manifest.body == image.manifest.bytes, "\(reference)")
    }
    for blob in image.blobs {
        let response = try await connection.request("GET", "/v2/app/blobs/\(blob.digest)")
        #expect(response.status == 200, "\(blob.digest)")
        #expect(response.body == blob.bytes, "\(blob.digest)")
    }
}

/// Expects that every blob in a storage root has the digest that its path names.
func expectWholeBlobs(in root: String) async throws {
    let blobs = root + "/docker/registry/v2/blobs/sha256"
    // Only `data` is a blob; a crash may leave unfinished files of other names beside it.
    let script = "[ ! -d \"$0\" ] || find \"$0\" -name data -exec sha256sum {} +"
    let found = try await Command.run("sh", ["-c", script, blobs]).checked().text
    for line in found.split(separator: "\n") {
        let fields = line.split(separator: " ", maxSplits: 1)
        #expect(fields.last?.contains("/\(fields[0])/data") == true, "\(line)")
    }
}

/// How many bytes the files below a directory hold.
private func bytes(below directory: String) -> Int {
    guard let files = FileManager.default.enumerator(atPath: directory) else { return 0 }
    var total = 0
    while files.nextObject() != nil {
        if files.fileAttributes?[.type] as? FileAttributeType == .typeRegular {
            total += (files.fileAttributes?[.size] as? NSNumber)?.intValue ?? 0
        }
    }
    return total
}
