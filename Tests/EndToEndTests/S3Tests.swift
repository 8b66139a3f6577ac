import Foundation
import TestSupport
import Testing

/// The real server on SeaweedFS, which verifies every signature.
@Suite("A registry on S3")
struct S3Tests {
    @Test(
        "skopeo pushes and pulls a multi-layer image, through the server or from the store", .timeLimit(.minutes(5)),
        arguments: [false, true])
    func images(redirects: Bool) async throws {
        try await withS3Registry(redirects: redirects) { registry, root, directory in
            let layout = try await OCILayout.multiArchitecture(
                in: directory.path("in"), layerSizes: [1, 4000, 700_000, 11_000_000])
            try await Skopeo.push(layout.path, to: registry, "team/app:1.0")
            try await Skopeo.pull(registry, "team/app:1.0", into: directory.path("out"))
            let copy = try OCILayout(path: directory.path("out"))
            #expect(try copy.index() == layout.index())
            #expect(try copy.blobNames() == layout.blobNames())
            #expect(try await root.leftovers() == [])

            let blob = try await Blob.random(100_000)
            let steps = UploadSteps(registry: registry, repository: "team/app")
            try await steps.end(try await steps.begin(), blob.digest, blob.bytes)
            let answer = try await registry.curl("/v2/team/app/blobs/\(blob.digest)")
            #expect(answer.status == (redirects ? 307 : 200))
            #expect(answer["Location"]?.hasPrefix(root.server.endpoint) == (redirects ? true : nil))
            let range = try await registry.curl(
                "/v2/team/app/blobs/\(blob.digest)", "-L", "-H", "Range: bytes=1000-1999")
            #expect(range.status == 206)
            #expect(range.body == blob.bytes[1000..<2000])
            let head = try await registry.curl("/v2/team/app/blobs/\(blob.digest)", "-L", "--head")
            #expect(head.status == 200 && head["Content-Length"] == "100000")
        }
    }

    /// 1 GiB if `MOORING_LARGE` is set.
    private static let largeSize = ProcessInfo.processInfo.environment["MOORING_LARGE"] == nil ? 70_000_000 : 1 << 30

    @Test("A large blob goes in and comes out", .timeLimit(.minutes(10)))
    func largeBlob() async throws {
        try await withS3Registry { registry, root, directory in
            let file = directory.path("blob")
            try await Command.run("sh", ["-c", "head -c \(Self.largeSize) /dev/urandom > \(file)"]).checked()
            let digest = try await sha256(ofFile: file)
            let steps = UploadSteps(registry: registry, repository: "large")
            let begun = try await steps.begin()
            let sent = try await registry.curl(
                begun, "-X", "PATCH", "-H", "Content-Type: application/octet-stream", "-H", "Expect:", "--max-time",
                "300",
                "-T", file)
            #expect(sent.status == 202)
            try await steps.end(try #require(sent["Location"]), digest)
            try await Command.run(
                "curl",
                ["-sSf", "--max-time", "300", "-o", directory.path("copy"), registry.url("/v2/large/blobs/\(digest)")],
                timeout: .seconds(300)
            ).checked()
            #expect(try await sha256(ofFile: directory.path("copy")) == digest)
            // The same again, its digest known from the start.
            try await Command.run(
                "curl",
                [
                    "-sSf", "--max-time", "300", "-X", "PUT", "-H", "Expect:", "-T", file,
                    try await steps.begin() + "&digest=\(digest)",
                ], timeout: .seconds(300)
            ).checked()
            #expect(try await root.leftovers() == [])
        }
    }

    @Test("An upload in chunks that a kill -9 cuts is gone on with", .timeLimit(.minutes(5)))
    func killed() async throws {
        try await withS3Registry { registry, root, directory in
            let blob = try await Blob.random(40_000_000)
            let steps = UploadSteps(registry: registry, repository: "killed")
            let location = try await steps.patch(try await steps.begin(), blob.bytes[..<12_000_000])
            try directory.write(Data(blob.bytes[12_000_000...]), to: "rest")
            let slow = Task {
                try? await registry.curl(
                    location, "-X", "PATCH", "-H", "Expect:", "--limit-rate", "14M", "-T", directory.path("rest"))
            }
            // Some parts of it are in the store by then.
            try await eventually("parts of the second chunk are stored", within: .seconds(20)) {
                try await !root.server.uploads(below: root.path).isEmpty
            }
            try await Task.sleep(for: .milliseconds(1200))
            await registry.process.kill()
            _ = await slow.value

            let again = try await registry.restarted()
            let back = UploadSteps(registry: again, repository: "killed")
            let status = try await again.curl(location)
            #expect(status.status == 204)
            let kept = try #require(status["Range"]?.split(separator: "-").last.flatMap { Int($0) }) + 1
            #expect((12_000_000...40_000_000).contains(kept))
            let next = try await back.patch(try #require(status["Location"]), blob.bytes[kept...])
            try await back.end(next, blob.digest)
            #expect(try await back.blob(blob.digest) == blob.bytes)
            #expect(try await root.leftovers() == [])
            await again.process.terminate()
        }
    }

    @Test("Two servers on one bucket: begun here, ended there", .timeLimit(.minutes(5)))
    func twoServers() async throws {
        try await withS3Registry { first, root, _ in
            try await withS3Registry(root: root.path) { second, _, _ in
                for size in [300_000, 9_000_000, 25_000_000] {
                    let blob = try await Blob.random(size)
                    let here = UploadSteps(registry: first, repository: "shared")
                    let there = UploadSteps(registry: second, repository: "shared")
                    var location = try await here.begin()
                    location = try await here.patch(location, blob.bytes[..<(size / 3)])
                    location = try await there.patch(
                        location.replacingOccurrences(of: first.host, with: second.host),
                        blob.bytes[(size / 3)..<(size / 2)])
                    location = location.replacingOccurrences(of: second.host, with: first.host)
                    location = try await here.patch(location, blob.bytes[(size / 2)..<(size - 1000)])
                    location = location.replacingOccurrences(of: first.host, with: second.host)
                    try await there.end(location, blob.digest, blob.bytes[(size - 1000)...])
                    #expect(try await here.blob(blob.digest) == blob.bytes)
                    #expect(try await root.leftovers() == [])
                }
            }
        }
    }

    @Test("A cancelled upload and one whose digest is wrong leave nothing", .timeLimit(.minutes(3)))
    func cancelled() async throws {
        try await withS3Registry { registry, root, _ in
            let blob = try await Blob.random(13_000_000)
            let steps = UploadSteps(registry: registry, repository: "cancelled")
            for size in [1000, 13_000_000] {
                let location = try await steps.patch(try await steps.begin(), blob.bytes[..<size])
                #expect(try await !root.leftovers().isEmpty)
                #expect(try await registry.curl(location, "-X", "DELETE").status == 204)
                #expect(try await root.leftovers() == [])
                #expect(try await registry.curl(location).status == 404)
            }
            let wrong = try await Blob("something else")
            let direct = try await registry.curl(
                try await steps.begin() + "&digest=\(wrong.digest)", "-X", "PUT", "-H", "Expect:", "--data-binary",
                "@-",
                input: blob.bytes)
            #expect(direct.status == 400)
            #expect(try await registry.curl("/v2/cancelled/blobs/\(wrong.digest)").status == 404)
            #expect(try await root.keys() == [])

            // A session whose end was refused is where it was, and can be ended rightly.
            let location = try await steps.patch(try await steps.begin(), blob.bytes[..<12_000_000])
            let refused = try await registry.curl(
                location + "&digest=\(wrong.digest)", "-X", "PUT", "-H", "Expect:", "--data-binary", "@-",
                input: Data(blob.bytes[12_000_000...]))
            #expect(refused.status == 400)
            try await steps.end(location, blob.digest, blob.bytes[12_000_000...])
            #expect(try await steps.blob(blob.digest) == blob.bytes)
            #expect(try await root.leftovers() == [])
        }
    }

    @Test(
        "A bucket is served by the other registry, unchanged", .timeLimit(.minutes(5)),
        arguments: DistributionRootTests.Direction.allCases)
    func handOver(direction: DistributionRootTests.Direction) async throws {
        let root = "hand-over-\(UUID().uuidString.prefix(8).lowercased())"
        try await withTemporaryDirectory { directory in
            let layout = try await OCILayout.multiArchitecture(
                in: directory.path("in"), layerSizes: [10, 90_000, 12_000_000])
            let keys = try await withS3Registry(server: direction.writer, root: root) { writer, root, _ in
                try await Skopeo.push(layout.path, to: writer, "team/deep/app:1")
                return try await root.keys()
            }
            try await withS3Registry(server: direction.reader, root: root) { reader, root, _ in
                let tags = try await reader.curl("/v2/team/deep/app/tags/list").json["tags"] as? [String]
                #expect(tags == ["1"])
                try await Skopeo.pull(reader, "team/deep/app:1", into: directory.path("out"))
                let copy = try OCILayout(path: directory.path("out"))
                #expect(try copy.index() == layout.index())
                #expect(try copy.blobNames() == layout.blobNames())
                #expect(try await root.keys().sorted() == keys.sorted(), "reading changes nothing")
                try await Skopeo.push(layout.path, to: reader, "team/deep/app:2")
                #expect(try await reader.curl("/v2/_catalog").json["repositories"] as? [String] == ["team/deep/app"])
            }
        }
    }

    @Test("A configuration that can't work is refused at once, by the option's name", .timeLimit(.minutes(3)))
    func mistakes() async throws {
        let store = try await S3Server.seaweed()
        let good = store.yaml(root: "mistakes")
        let closed = try FreePort.take()
        let cases: [(String, String, String)] = [
            ("bucket: \(S3Server.bucket)", "bucket: there-is-none", "bucket: "),
            ("accesskey: \(S3Server.accessKey)", "accesskey: AKIANOBODYKNOWSME000", "accesskey: "),
            ("secretkey: \(S3Server.secretKey)", "secretkey: not-the-secret-of-the-key", "secretkey: "),
            ("regionendpoint: \(store.endpoint)", "regionendpoint: http://127.0.0.1:\(closed)", "regionendpoint: "),
            ("regionendpoint: \(store.endpoint)", "regionendpoint: http://nobody.invalid:80", "regionendpoint: "),
            (
                "regionendpoint: \(store.endpoint)",
                "regionendpoint: \(store.endpoint.replacing("http:", with: "https:"))", "regionendpoint: "
            ),
        ]
        try await withTemporaryDirectory { directory in
            for (index, (right, wrong, option)) in cases.enumerated() {
                let yaml = Configuration(storage: good.replacingOccurrences(of: right, with: wrong)).yaml(
                    address: "127.0.0.1:\(try FreePort.take())")
                let file = try directory.write(yaml, to: "config-\(index).yml")
                let clock = ContinuousClock.now
                let result = try await Command.run(
                    BuildProducts.server, ["serve", file], environment: ["http_proxy": nil, "https_proxy": nil],
                    timeout: .seconds(60))
                #expect(result.status?.isSuccess == false, "\(wrong): \(result)")
                #expect(ContinuousClock.now - clock < .seconds(50), "\(wrong)")
                let lines = (result.errorText + result.text).split(separator: "\n").filter { $0.contains(option) }
                #expect(lines.count == 1, "\(wrong): \(result)")
                #expect(!(result.errorText + result.text).contains("not-the-secret"))
            }
        }
    }
}
