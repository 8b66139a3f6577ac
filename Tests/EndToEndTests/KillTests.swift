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
                await withTaskGroup { group in
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
                try await push(image, tag: "\(name)-\(round)-\(number % 3)", over: connection)
            } catch let error as UnexpectedResponse {
                Issue.record("\(error)")
            } catch { return }
        }
    }

    private func push(_ image: ImageManifest, tag: String, over connection: RawConnection) async throws {
        for blob in image.blobs {
            await ledger.begin(blob: blob)
            try await push(blob, over: connection)
            await ledger.acknowledge(blob: blob)
        }
        for reference in [image.manifest.digest, tag] {
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
