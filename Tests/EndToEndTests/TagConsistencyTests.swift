import Foundation
import TestSupport
import Testing

@Suite("Many clients at one name")
struct TagConsistencyTests {
    private static let clients = 8

    /// Images whose manifests are in a repository, and clients that move one tag among them.
    private struct Arena: Sendable {
        let images: [ImageManifest]
        /// More than one: servers that share a root.
        let registries: [Registry]

        func value(_ response: RawResponse) throws -> Int? {
            if response.status == 404 { return nil }
            guard response.status == 200, let index = images.firstIndex(where: { $0.manifest.bytes == response.body })
            else { throw UnexpectedResponse(response) }
            return index
        }

        /// Some random operations of one client.
        func play(_ client: Int, operations: Int, tag: String, _ recorder: RegisterRecorder) async throws {
            let connection = try await registries[client % registries.count].connect()
            let path = "/v2/app/manifests/\(tag)"
            for _ in 0..<operations {
                switch Int.random(in: 0..<10) {
                case 0..<3:
                    let index = Int.random(in: images.indices)
                    await recorder.record(client, .write(index)) {
                        let headers = [("Content-Type", ImageManifest.mediaType)]
                        let response = try await connection.request(
                            "PUT", path, headers: headers, body: images[index].manifest.bytes)
                        guard response.status == 201 else { throw UnexpectedResponse(response) }
                        return .write(index)
                    }
                case 3..<5:
                    await recorder.record(client, .write(nil)) {
                        let response = try await connection.request("DELETE", path)
                        if response.status == 404 { return .read(nil) }
                        guard response.status == 202 else { throw UnexpectedResponse(response) }
                        return .write(nil)
                    }
                default:
                    await recorder.record(client, nil) {
                        .read(try value(await connection.request("GET", path)))
                    }
                }
            }
        }

        /// Whether the tag is listed; and what it holds.
        func state(of tag: String) async throws -> (isListed: Bool, value: Int?) {
            let connection = try await registries[0].connect()
            let list = try await connection.request("GET", "/v2/app/tags/list").json["tags"] as? [String] ?? []
            return (list.contains(tag), try value(await connection.request("GET", "/v2/app/manifests/\(tag)")))
        }
    }

    private func withArena(servers: Int, _ body: (Arena) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let layer = try await Blob.random(1000)
            var images: [ImageManifest] = []
            for value in 0..<6 { images.append(try await ImageManifest(layers: [layer], marker: "value \(value)")) }
            try await withRegistry(in: directory) { first in
                for image in images { try await first.connect().push(image, to: "app", tag: image.manifest.hex) }
                if servers == 1 { return try await body(Arena(images: images, registries: [first])) }
                try await withRegistry(in: directory) { second in
                    try await body(Arena(images: images, registries: [first, second]))
                }
            }
        }
    }

    @Test(
        "A tag that is written, read and deleted by many at once behaves as one register", .timeLimit(.minutes(5)),
        arguments: [1, 2])
    func linearizable(servers: Int) async throws {
        try await withArena(servers: servers) { arena in
            var initial: Int?
            for round in 0..<12 {
                let recorder = RegisterRecorder()
                try await withThrowingTaskGroup { group in
                    for client in 0..<Self.clients {
                        group.addTask { try await arena.play(client, operations: 25, tag: "contested", recorder) }
                    }
                    try await group.waitForAll()
                }
                let history = recorder.history
                #expect(history.operations.count == Self.clients * 25)
                #expect(history.operations.allSatisfy { $0.end != nil }, "an operation failed")
                #expect(history.isLinearizable(from: initial), "round \(round): \(history.operations)")
                let state = try await arena.state(of: "contested")
                #expect(state.isListed == (state.value != nil), "listed, but without its link, or the reverse")
                initial = state.value
            }
        }
    }

    @Test("A tag's PUT beside its DELETE leaves a whole tag or none", .timeLimit(.minutes(5)), arguments: [1, 2])
    func putBesideDelete(servers: Int) async throws {
        try await withArena(servers: servers) { arena in
            let (put, delete) = (
                try await arena.registries[0].connect(), try await arena.registries[servers - 1].connect()
            )
            for round in 0..<150 {
                let tag = "raced\(round % 3)"
                async let added = put.request(
                    "PUT", "/v2/app/manifests/\(tag)", headers: [("Content-Type", ImageManifest.mediaType)],
                    body: arena.images[round % 6].manifest.bytes)
                async let removed = delete.request("DELETE", "/v2/app/manifests/\(tag)")
                #expect(try await added.status == 201)
                #expect(try await [202, 404].contains(removed.status))
                let state = try await arena.state(of: tag)
                #expect(state.isListed == (state.value != nil), "round \(round): listed \(state.isListed)")
            }
        }
    }

    @Test(
        "A tag's PUT beside the DELETE of its manifest leaves both or neither", .timeLimit(.minutes(5)),
        arguments: [1, 2])
    func putBesideDeletedManifest(servers: Int) async throws {
        try await withArena(servers: servers) { arena in
            let (put, delete) = (
                try await arena.registries[0].connect(), try await arena.registries[servers - 1].connect()
            )
            for round in 0..<150 {
                let manifest = arena.images[round % 6].manifest
                let tag = "raced\(round % 3)"
                async let added = put.request(
                    "PUT", "/v2/app/manifests/\(tag)", headers: [("Content-Type", ImageManifest.mediaType)],
                    body: manifest.bytes)
                try await Task.sleep(for: .microseconds(Int.random(in: 0...4000)))
                async let removed = delete.request("DELETE", "/v2/app/manifests/\(manifest.digest)")
                #expect(try await [201, 503].contains(added.status))
                #expect(try await [202, 404].contains(removed.status))
                let state = try await arena.state(of: tag)
                let kept = try await put.request("HEAD", "/v2/app/manifests/\(manifest.digest)").status == 200
                #expect(state.isListed == (state.value != nil), "round \(round): a tag that leads nowhere")
                #expect(state.value == (kept ? round % 6 : nil), "round \(round): only a part was deleted")
            }
        }
    }

    @Test("The same blob, manifest and tag pushed by many at once are all acknowledged", .timeLimit(.minutes(3)))
    func samePushes() async throws {
        try await withRegistry { registry, _ in
            for round in 0..<4 {
                let image = try await ImageManifest(layers: [Blob.random(400_000), Blob.random(10)])
                try await withThrowingTaskGroup { group in
                    for _ in 0..<Self.clients {
                        group.addTask { try await registry.connect().push(image, to: "app", tag: "same\(round)") }
                    }
                    try await group.waitForAll()
                }
                try await expectServed(image, tag: "same\(round)", by: registry)
            }
        }
    }

    @Test("Deletes beside pushes fail nobody, and what is pushed afterwards is whole", .timeLimit(.minutes(3)))
    func deletesBesidePushes() async throws {
        try await withRegistry { registry, _ in
            let image = try await ImageManifest(layers: [Blob.random(200_000)])
            let paths =
                ["manifests/raced", "manifests/\(image.manifest.digest)"]
                + image.blobs.map { "blobs/\($0.digest)" }
            try await withThrowingTaskGroup { group in
                for _ in 0..<4 {
                    group.addTask { try await Self.pushAgainAndAgain(image, to: registry) }
                    group.addTask {
                        let connection = try await registry.connect()
                        for turn in 0..<60 {
                            let response = try await connection.request(
                                "DELETE", "/v2/app/\(paths[turn % paths.count])")
                            #expect([202, 404].contains(response.status), "\(response.text)")
                        }
                    }
                }
                try await group.waitForAll()
            }
            try await registry.connect().push(image, to: "app", tag: "raced")
            try await expectServed(image, tag: "raced", by: registry)
        }
    }

    /// A manifest may be refused because a blob of it was deleted just now; nothing else may go wrong.
    private static func pushAgainAndAgain(_ image: ImageManifest, to registry: Registry) async throws {
        let connection = try await registry.connect()
        for _ in 0..<15 {
            for blob in image.blobs { try await connection.push(blob, to: "app") }
            let response = try await connection.request(
                "PUT", "/v2/app/manifests/raced", headers: [("Content-Type", ImageManifest.mediaType)],
                body: image.manifest.bytes)
            #expect(response.status == 201 || response.errorCode == "MANIFEST_BLOB_UNKNOWN", "\(response.text)")
            for blob in image.blobs {
                let response = try await connection.request("GET", "/v2/app/blobs/\(blob.digest)")
                #expect(response.status == 404 || response.body == blob.bytes)
            }
        }
    }
}
