import Foundation
import TestSupport
import Testing

@Suite("Images in Azure Blob Storage", .serialized)
struct AzureTests {
    @Test(
        "skopeo pushes and pulls an image, with redirects and without", .timeLimit(.minutes(4)),
        arguments: [true, false])
    func skopeo(redirects: Bool) async throws {
        try await AzureRegistry.with { azure in
            let registry = try await azure.start(azure.configuration(redirects: redirects))
            let layout = try await OCILayout.multiArchitecture(
                in: azure.directory.path("in"), layerSizes: [1, 4000, 700_000, 9_000_000, 30_000_000])
            try await Skopeo.push(layout.path, to: registry, "library/app:1.0")
            try await Skopeo.pull(registry, "library/app:1.0", into: azure.directory.path("out"))
            let copy = try OCILayout(path: azure.directory.path("out"))
            #expect(try copy.index() == layout.index())
            #expect(try copy.blobNames() == layout.blobNames())

            let blob = try layout.largestBlobName()
            let head = try await registry.curl("/v2/library/app/blobs/sha256:\(blob)", "--head")
            #expect(head.status == (redirects ? 307 : 200))
            let whole = try await registry.curl("/v2/library/app/blobs/sha256:\(blob)", "-L")
            #expect(whole.status == 200)
            #expect(try await sha256(of: whole.body) == "sha256:" + blob)
            let follow = try await registry.curl("/v2/library/app/blobs/sha256:\(blob)", "-L", "--head")
            #expect(follow.status == 200 && follow["Content-Length"] == String(whole.body.count))
            let part = try await registry.curl("/v2/library/app/blobs/sha256:\(blob)", "-L", "-r", "0-0")
            #expect(part.status == 206 && part.body == whole.body.prefix(1))
            // Nothing is left of how it came there.
            #expect(try await azure.blobs().filter { $0.hasSuffix(".tmp") || $0.contains("_uploads") }.isEmpty)
            #expect(try await azure.blobs().allSatisfy { $0.hasPrefix("some/root/docker/registry/v2/") })
            await registry.process.terminate()
        }
    }

    @Test("podman pulls what skopeo pushed, and pushes it again", .timeLimit(.minutes(4)))
    func podman() async throws {
        try await AzureRegistry.with { azure in
            let registry = try await azure.start(azure.configuration(redirects: true))
            let layout = try await OCILayout.multiArchitecture(
                in: azure.directory.path("in"), layerSizes: [4000, 6_000_000])
            try await Skopeo.push(layout.path, to: registry, "app:1")
            let podman = ContainerToolsTests.Tool(name: "podman", storage: azure.directory)
            try await podman("pull", "--tls-verify=false", "\(registry.host)/app:1")
            try await podman("push", "--tls-verify=false", "\(registry.host)/app:1", "\(registry.host)/again:1")
            #expect(try await registry.curl("/v2/again/manifests/1", "--head").status == 200)
            await registry.process.terminate()
        }
    }

    @Test("An upload in chunks goes on after its server was killed", .timeLimit(.minutes(2)))
    func killed() async throws {
        try await AzureRegistry.with { azure in
            var registry = try await azure.start(azure.configuration(redirects: false))
            let blob = try await Blob.random(15_000_000)
            let begun = try await registry.connect().beginUpload(in: "app")
            let first = try await registry.connect().request("PATCH", begun, body: Data(blob.bytes[..<9_000_000]))
            #expect(first.status == 202 && first["Range"] == "0-8999999")
            var location = pathAndQuery(try #require(first["Location"]))
            await registry.process.kill()
            registry = try await registry.restarted()
            let status = try await registry.connect().request("GET", location)
            #expect(status.status == 204 && status["Range"] == "0-8999999")
            let second = try await registry.connect().request(
                "PATCH", location, headers: [("Content-Range", "9000000-9000009")],
                body: Data(blob.bytes[9_000_000..<9_000_010]))
            #expect(second.status == 202, "\(second.text)")
            location = pathAndQuery(try #require(second["Location"]))
            await registry.process.kill()
            registry = try await registry.restarted()
            let put = try await registry.connect().request(
                "PUT", adding(digest: blob.digest, to: location), body: Data(blob.bytes[9_000_010...]))
            #expect(put.status == 201, "\(put.text)")
            let get = try await registry.connect().request("GET", "/v2/app/blobs/\(blob.digest)")
            #expect(get.body == blob.bytes)
            #expect(try await azure.blobs().filter { $0.hasSuffix(".tmp") || $0.contains("_uploads") }.isEmpty)
            await registry.process.terminate()
        }
    }

    @Test("Two servers on one container share an upload", .timeLimit(.minutes(2)))
    func twoServers() async throws {
        try await AzureRegistry.with { azure in
            let configuration = azure.configuration(redirects: false)
            let servers = [try await azure.start(configuration), try await azure.start(configuration)]
            for round in 0..<4 {
                let (one, other) = (servers[round % 2], servers[(round + 1) % 2])
                let blob = try await Blob.random(round % 2 == 0 ? 100_000 : 12_000_000)
                let half = blob.bytes.count / 2
                let begun = try await one.connect().beginUpload(in: "app")
                let patch = try await one.connect().request("PATCH", begun, body: Data(blob.bytes[..<half]))
                let location = pathAndQuery(try #require(patch["Location"]))
                let put = try await other.connect().request(
                    "PUT", adding(digest: blob.digest, to: location), body: Data(blob.bytes[half...]))
                #expect(put.status == 201, "\(put.text)")
                for server in servers {
                    let get = try await server.connect().request("GET", "/v2/app/blobs/\(blob.digest)")
                    #expect(get.body == blob.bytes)
                }
            }
            for server in servers { await server.process.terminate() }
        }
    }

    @Test("Two servers that go on with the same bytes at once never mix what they were sent", .timeLimit(.minutes(2)))
    func atOnce() async throws {
        try await AzureRegistry.with { azure in
            let configuration = azure.configuration(redirects: false)
            let servers = [try await azure.start(configuration), try await azure.start(configuration)]
            var taken = 0
            for _ in 0..<5 {
                let common = try await Blob.random(5_000_000)
                let blobs = [
                    try await Blob(common.bytes + Data(repeating: 1, count: 6_000_000)),
                    try await Blob(common.bytes + Data(repeating: 2, count: 7_000_000)),
                ]
                let begun = try await servers[0].connect().beginUpload(in: "app")
                let patch = try await servers[0].connect().request("PATCH", begun, body: common.bytes)
                let location = pathAndQuery(try #require(patch["Location"]))
                let ends = try await withThrowingTaskGroup(of: Int.self) { group in
                    for index in 0..<2 {
                        group.addTask {
                            let more = Data(blobs[index].bytes[5_000_000...])
                            let patch = try await servers[index].connect().request("PATCH", location, body: more)
                            guard patch.status == 202, let next = patch["Location"] else { return patch.status }
                            return try await servers[index].connect().request(
                                "PUT", adding(digest: blobs[index].digest, to: pathAndQuery(next)), body: Data()
                            ).status
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                taken += ends.filter { $0 == 201 }.count
                #expect(ends.allSatisfy { $0 != 500 }, "\(ends)")
                for (index, blob) in blobs.enumerated() {
                    let get = try await servers[index].connect().request("GET", "/v2/app/blobs/\(blob.digest)")
                    #expect(get.status == 404 || get.body == blob.bytes)
                }
            }
            #expect(taken >= 1, "nobody ever got through")
            for server in servers { await server.process.terminate() }
        }
    }

    @Test("A cancelled upload leaves nothing", .timeLimit(.minutes(1)))
    func cancelled() async throws {
        try await AzureRegistry.with { azure in
            let registry = try await azure.start(azure.configuration(redirects: false))
            let blob = try await Blob.random(9_000_000)
            let before = try await azure.blobs()
            let begun = try await registry.connect().beginUpload(in: "app")
            let patch = try await registry.connect().request("PATCH", begun, body: blob.bytes)
            let location = pathAndQuery(try #require(patch["Location"]))
            #expect(try await azure.blobs().count > before.count)
            #expect(try await registry.connect().request("DELETE", location).status == 204)
            // A wrong digest in one request, at the place of the blob itself.
            let wrong = try await Blob.random(10)
            let session = try await registry.connect().beginUpload(in: "app")
            let put = try await registry.connect().request(
                "PUT", adding(digest: wrong.digest, to: session), body: blob.bytes)
            #expect(put.status == 400)
            #expect(try await azure.blobs() == before)
            await registry.process.terminate()
        }
    }

    @Test("An upload that Distribution left as an append blob goes on", .timeLimit(.minutes(2)))
    func appendBlob() async throws {
        try await AzureRegistry.with { azure in
            let blob = try await Blob.random(2_000_000)
            let id = UUID().uuidString.lowercased()
            try azure.directory.write(blob.bytes, to: "content")
            try await azure.python(
                """
                import sys
                from azure.storage.blob import ContainerClient
                client = ContainerClient(sys.argv[1], "\(AzureRegistry.container)", credential=sys.argv[2])
                folder = "some/root/docker/registry/v2/repositories/app/_uploads/\(id)/"
                client.get_blob_client(folder + "startedat").upload_blob(b"2026-01-02T03:04:05Z")
                blob = client.get_blob_client(folder + "data")
                blob.create_append_blob()
                content = open("\(azure.directory.path("content"))", "rb").read()
                blob.append_block(content[:700_000])
                blob.append_block(content[700_000:1_500_000])
                """)
            let registry = try await azure.start(azure.configuration(redirects: false))
            let location = "/v2/app/blobs/uploads/\(id)"
            let status = try await registry.connect().request("GET", location)
            #expect(status.status == 204 && status["Range"] == "0-1499999", "\(status.text)")
            let put = try await registry.connect().request(
                "PUT", adding(digest: blob.digest, to: location), body: Data(blob.bytes[1_500_000...]))
            #expect(put.status == 201, "\(put.text)")
            let get = try await registry.connect().request("GET", "/v2/app/blobs/\(blob.digest)")
            #expect(get.body == blob.bytes)
            #expect(try await azure.blobs().filter { $0.contains("_uploads") }.isEmpty)
            await registry.process.terminate()
        }
    }

    @Test(
        "A blob larger than a synchronous copy takes is copied, looked at, and given up for blocks",
        .timeLimit(.minutes(4)))
    func pendingCopies() async throws {
        try await AzureRegistry.with { azure in
            let registry = try await azure.start(
                azure.configuration(redirects: false, more: ", max_retries: 3, retry_delay: 50ms"))
            let file = azure.directory.path("large")
            try await Command.run("dd", ["if=/dev/urandom", "of=\(file)", "bs=1M", "count=300"]).checked()
            let digest = try await sha256(ofFile: file)
            // Done at once; done while it is looked at; pending for longer than anybody looks.
            for seconds in ["0", "0.1", "60"] {
                try await azure.server.set("{\"copy_seconds\":\(seconds),\"copy_threshold\":1000000}")
                try await azure.server.forgetRequests()
                let begun = try await registry.connect().beginUpload(in: "app")
                let put = try await registry.curl(adding(digest: digest, to: begun), "-X", "PUT", "-T", file)
                #expect(put.status == 201, "\(put.text)")
                let requests = try await azure.server.requests()
                let aborted = requests.contains { ($0["query"] as? [String: String])?["comp"] == "copy" }
                #expect(aborted == (seconds == "60"))
                try await azure.server.set("{\"copy_seconds\":0}")
                let out = azure.directory.path("out")
                try await Command.run("curl", ["-sS", "-o", out, registry.url("/v2/app/blobs/\(digest)")]).checked()
                #expect(try await sha256(ofFile: out) == digest)
                try await azure.python(
                    """
                    import sys
                    from azure.storage.blob import ContainerClient
                    client = ContainerClient(sys.argv[1], "\(AzureRegistry.container)", credential=sys.argv[2])
                    for blob in client.list_blobs(include=["uncommittedblobs"]):
                        assert not blob.name.endswith(".tmp"), blob.name
                        client.delete_blob(blob.name)
                    """)
            }
            await registry.process.terminate()
        }
    }
}
