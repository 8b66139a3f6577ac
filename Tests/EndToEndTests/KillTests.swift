import Foundation
import TestSupport
import Testing

@Suite("Killed at any instant")
struct KillTests {
    /// `MOORING_KILLS`: how often the server is killed.
    private static let kills = ProcessInfo.processInfo.environment["MOORING_KILLS"].flatMap { Int($0) } ?? 40
    private static let pushers = 8

    @Test(
        "Killed at random instants under eight pushers, the registry keeps what it acknowledged and shows nothing partial",
        .timeLimit(.minutes(15)))
    func kills() async throws {
        try await withTemporaryDirectory { directory in
            let root = directory.path("root")
            let port = try FreePort.take()
            let file = try directory.write(
                Configuration.filesystem(root).yaml(address: "127.0.0.1:\(port)"), to: "config.yml")
            let ledger = PushLedger()
            for round in 0..<Self.kills {
                let registry = try await Registry.start(file, port: port)
                try await ledger.checkAfterRestart(of: registry)
                try await ledger.resumeUploads(at: registry)
                // Contents that all pushers of the round have in common, so that they meet at the same files.
                let shared = [try await PushLedger.image(), try await PushLedger.image()]
                let deleter = Pusher(name: "d", registry: registry, ledger: ledger, shared: [])
                let doomed = try await deleter.prepare(round: round)
                await withTaskGroup { group in
                    group.addTask { await deleter.delete(doomed) }
                    for pusher in 0..<Self.pushers {
                        group.addTask {
                            await Pusher(name: "p\(pusher)", registry: registry, ledger: ledger, shared: shared)
                                .pushUntilDead(round: round)
                        }
                    }
                    try? await Task.sleep(for: .microseconds(Int.random(in: 0...300_000)))
                    await registry.process.kill()
                }
                if round % 20 == 19 { try await expectWholeBlobs(in: root) }
            }
            try await expectWholeBlobs(in: root)
            let last = try await Registry.start(file, port: port)
            try await ledger.checkAfterRestart(of: last)
            try await ledger.resumeUploads(at: last)
            try await ledger.checkEverything(at: last)
            await last.process.terminate()
            let figures = await ledger.figures
            print("\(Self.kills) kills: \(figures)")
            #expect(
                figures.blobs > Self.kills && figures.tags > Self.kills / 8, "too little was pushed to say anything")
            #expect(figures.deletions > Self.kills / 2, "too little was deleted to say anything")
            #expect(figures.referrers > Self.kills / 4, "too few referrers were pushed to say anything")
            #expect(figures.unfinishedTags == 0, "a tag is listed and leads nowhere")
            #expect(figures.resumed > Self.kills / 10, "too few uploads were interrupted to say anything")
        }
    }
}

/// One client that pushes until its server is gone.
private struct Pusher {
    let name: String
    let registry: Registry
    let ledger: PushLedger
    let shared: [ImageManifest]

    func pushUntilDead(round: Int) async {
        guard let connection = try? await registry.connect() else { return }
        for number in 0..<1000 {
            do {
                let common = Bool.random() ? shared.randomElement() : nil
                let image = if let common { common } else { try await PushLedger.image() }
                let tag = "\(name)-\(round)-\(number % 3)"
                try await push(image, tag: tag, over: connection)
                if Int.random(in: 0..<3) == 0 { try await sign(image, over: connection) }
                if Int.random(in: 0..<3) == 0 {
                    try await delete(image, tag: tag, isOwn: common == nil, over: connection)
                }
            } catch let error as UnexpectedResponse {
                Issue.record("\(error)")
            } catch { return }
        }
    }

    /// Images with a signature and a tag each, of which the first are to be deleted.
    struct Doomed: Sendable {
        var images: [(image: ImageManifest, tag: String)] = []
        var signature: ImageManifest?
    }

    /// Pushes what is to be deleted when the server is killed, as there is seldom the time for both.
    func prepare(round: Int) async throws -> Doomed {
        let connection = try await registry.connect()
        var doomed = Doomed()
        for number in 0..<2 {
            let image = try await ImageManifest(layers: [Blob.random(1000)])
            let tag = "\(name)-\(round)-\(number)"
            try await push(image, tag: tag, over: connection)
            let signature = try await sign(image, over: connection)
            doomed.images.append((image, tag))
            if number == 0 { doomed.signature = signature }
        }
        return doomed
    }

    func delete(_ doomed: Doomed) async {
        do {
            let connection = try await registry.connect()
            if let signature = doomed.signature { try await delete(signature, tag: nil, over: connection) }
            for (image, tag) in doomed.images {
                try await delete(image, tag: tag, isOwn: true, over: connection)
            }
        } catch let error as UnexpectedResponse {
            Issue.record("\(error)")
        } catch { return }
    }

    /// Pushes a manifest that refers to the image.
    @discardableResult
    private func sign(_ image: ImageManifest, over connection: RawConnection) async throws -> ImageManifest {
        let signature = try await ImageManifest(layers: Array(image.layers.suffix(1)), subject: image.manifest)
        try await push(signature, tag: nil, over: connection)
        return signature
    }

    /// Deletes the tag, or what only this client has pushed: the manifest with its tag, and then a blob of it.
    private func delete(_ image: ImageManifest, tag: String, isOwn: Bool, over connection: RawConnection) async throws {
        if isOwn, Bool.random() { return try await delete(image, tag: tag, over: connection) }
        await ledger.beginDeletion(ofTag: tag, manifest: nil)
        try await delete("/v2/app/manifests/\(tag)", over: connection)
        await ledger.acknowledgeDeletion(ofTag: tag, manifest: nil)
    }

    private func delete(_ image: ImageManifest, tag: String?, over connection: RawConnection) async throws {
        let digest = image.manifest.digest
        if let tag {
            await ledger.beginDeletion(ofTag: tag, manifest: digest)
        } else {
            await ledger.beginDeletion(of: digest)
        }
        try await delete("/v2/app/manifests/\(digest)", over: connection)
        if let tag {
            await ledger.acknowledgeDeletion(ofTag: tag, manifest: digest)
        } else {
            await ledger.acknowledgeDeletion(of: digest)
        }
        let blob = image.configuration.digest
        await ledger.beginDeletion(of: blob)
        try await delete("/v2/app/blobs/\(blob)", over: connection)
        await ledger.acknowledgeDeletion(of: blob)
    }

    private func delete(_ target: String, over connection: RawConnection) async throws {
        let response = try await connection.request("DELETE", target)
        guard response.status == 202 else { throw UnexpectedResponse(response) }
    }

    private func push(_ image: ImageManifest, tag: String?, over connection: RawConnection) async throws {
        for blob in image.blobs {
            await ledger.begin(blob: blob)
            try await push(blob, over: connection)
            await ledger.acknowledge(blob: blob)
        }
        for reference in [image.manifest.digest, tag].compactMap({ $0 }) {
            await ledger.begin(image, reference: reference)
            let response = try await connection.request(
                "PUT", "/v2/app/manifests/\(reference)", headers: [("Content-Type", ImageManifest.mediaType)],
                body: image.manifest.bytes)
            guard response.status == 201 else { throw UnexpectedResponse(response) }
            await ledger.acknowledge(image, reference: reference)
        }
    }

    private func push(_ blob: Blob, over connection: RawConnection) async throws {
        switch Int.random(in: 0..<3) {
        case 0:
            let response = try await connection.request(
                "POST", "/v2/app/blobs/uploads/?digest=\(blob.digest)", body: blob.bytes)
            guard response.status == 201 else { throw UnexpectedResponse(response) }
        case 1: try await connection.push(blob, to: "app")
        default:
            var upload = InterruptedUpload(blob: blob, location: try await connection.beginUpload(in: "app"))
            let key = await ledger.note(upload, as: nil)
            try await upload.finish(over: connection) { _ = await ledger.note($0, as: key) }
            await ledger.forgetUpload(key)
        }
    }
}
