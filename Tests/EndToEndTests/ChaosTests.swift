import Foundation
import TestSupport
import Testing

/// Pushes and pulls through a storage in which calls fail, stall, lose their answers and tear.
///
/// `MOORING_CHAOS=500` sets how many pushes there are.
@Suite("Chaos in the storage", .enabled(if: BuildProducts.serverIsOurs, "another server has no such middleware"))
struct ChaosTests {
    private static let rounds = ProcessInfo.processInfo.environment["MOORING_CHAOS"].flatMap(Int.init) ?? 80

    private static let rules = """
        - {fault: error, rate: 0.03}
        - {fault: error, rate: 0.02, code: throttled, retryafter: 1s}
        - {fault: lost, rate: 0.05}
        - {fault: torn, rate: 0.05}
        - {fault: short, rate: 0.2}
        - {fault: truncate, rate: 0.02}
        - {fault: latency, rate: 0.01, latency: 2s}
        """

    private func configuration(_ directory: TemporaryDirectory, chaos: Bool) -> Configuration {
        var configuration = Configuration.filesystem(directory.path("root"))
        if chaos {
            let rules = Self.rules.split(separator: "\n").map { "          " + $0 }.joined(separator: "\n")
            configuration.more = """
                middleware:
                  storage:
                    - name: chaos
                      options:
                        seed: 11
                        rules:
                \(rules)
                """
        }
        return configuration
    }

    @Test("Nothing torn is seen, nothing acknowledged is lost, and nothing leaks", .timeLimit(.minutes(10)))
    func pushesAndPulls() async throws {
        try await withTemporaryDirectory { directory in
            let pushed = ChaosLedger()
            try await withRegistry(in: directory, configuration(directory, chaos: true)) { registry in
                try await rounds(16, registry, pushed)
                let before = try Footprint(of: registry.process.identifier)
                try await rounds(Self.rounds, registry, pushed)
                try await eventually("connections are gone") {
                    try Footprint(of: registry.process.identifier).descriptors <= before.descriptors + 8
                }
                let after = try Footprint(of: registry.process.identifier)
                #expect(after.threads <= before.threads + 8, "\(before) \(after)")
                print("chaos: \(await pushed.figures)")
                let lines = registry.process.log.split(separator: "\n")
                let errors = lines.filter {
                    $0.contains("http.response.status=500") && !$0.contains("a reader ended after")
                }
                #expect(errors.isEmpty, "\(errors.prefix(5).joined(separator: "\n"))")
            }
            // Without chaos: what was acknowledged is there and whole, and nothing else is seen under its name.
            try await withRegistry(in: directory, configuration(directory, chaos: false)) { registry in
                let connection = try await registry.connect()
                for image in await pushed.images {
                    for blob in image.blobs {
                        let response = try await connection.request("GET", "/v2/app/blobs/\(blob.digest)")
                        #expect(response.status == 200 && response.body == blob.bytes)
                    }
                    let tag = ChaosClient.tag(of: image)
                    let response = try await connection.request("GET", "/v2/app/manifests/\(tag)")
                    #expect(response.status == 200 && response.body == image.manifest.bytes)
                }
            }
            let figures = await pushed.figures
            #expect(figures.pushed == Self.rounds + 16)
            #expect(figures.refused > 0, "chaos that nobody noticed shows nothing")
            let left = try leftovers(below: directory.path("root"))
            #expect(left.isEmpty, "\(left)")
        }
    }

    private func rounds(_ count: Int, _ registry: Registry, _ ledger: ChaosLedger) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<8 {
                group.addTask {
                    let client = ChaosClient(registry: registry, ledger: ledger)
                    for round in stride(from: worker, to: count, by: 8) {
                        let layer = try await Blob.random(1 + round * 7919 % 300_000)
                        let common = try await Blob("round \(round % 5)")
                        try await client.push(try await ImageManifest(layers: [layer, common]))
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Files of upload sessions: each was ended or cancelled.
    private func leftovers(below root: String) throws -> [String] {
        let all = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
        return all.filter { $0.contains("/_uploads/") && !isFolder("\(root)/\($0)") || $0.hasSuffix(".tmp") }
    }

    private func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
    }
}

/// What a process holds.
private struct Footprint: CustomStringConvertible {
    let descriptors: Int
    let threads: Int

    init(of process: Int32) throws {
        descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd").count
        threads = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task").count
    }

    var description: String { "\(descriptors) descriptors, \(threads) threads" }
}

/// What was acknowledged, and how often it took another try.
actor ChaosLedger {
    struct Figures: CustomStringConvertible {
        var pushed = 0
        var pulled = 0
        var refused = 0
        var broken = 0
        var classes: [String: Int] = [:]

        var description: String {
            "\(pushed) images pushed, \(pulled) blobs pulled, \(refused) requests refused \(classes), \(broken) broken off"
        }
    }

    private(set) var figures = Figures()
    private(set) var images: [ImageManifest] = []

    func note(_ image: ImageManifest) {
        images.append(image)
        figures.pushed += 1
    }

    func notePull() { figures.pulled += 1 }
    func noteBroken() { figures.broken += 1 }

    func noteRefusal(_ response: RawResponse) {
        figures.refused += 1
        figures.classes["\(response.status) \(response.errorCode ?? "-")", default: 0] += 1
    }
}

/// A client that tries again, as clients of registries do.
struct ChaosClient: Sendable {
    let registry: Registry
    let ledger: ChaosLedger

    /// Each pushes its own tag, which nobody else writes.
    static func tag(of image: ImageManifest) -> String { "t-" + image.manifest.hex.prefix(16) }

    func push(_ image: ImageManifest) async throws {
        for blob in image.blobs {
            try await trying("blob") { connection in try await push(blob, over: connection) }
            try await trying("pull") { connection in try await pull(blob, over: connection) }
        }
        try await trying("manifest") { connection in
            let response = try await connection.request(
                "PUT", "/v2/app/manifests/\(Self.tag(of: image))", headers: [("Content-Type", ImageManifest.mediaType)],
                body: image.manifest.bytes)
            return try await isDone(response, 201)
        }
        await ledger.note(image)
    }

    /// Does it again, with another connection, until it is done.
    private func trying(_ what: String, _ body: (RawConnection) async throws -> Bool) async throws {
        for _ in 0..<60 {
            let connection = try await registry.connect()
            defer { connection.close() }
            do {
                if try await body(connection) { return }
            } catch is RawConnectionError {
                await ledger.noteBroken()
            }
        }
        throw DidNotHappen(description: "a \(what) failed 60 times")
    }

    /// Whether a request succeeded. What else it may say: that the store is busy or down, with the envelope.
    private func isDone(_ response: RawResponse, _ status: Int, also more: [String] = []) async throws -> Bool {
        if response.status == status { return true }
        await ledger.noteRefusal(response)
        let allowed = ["429 TOOMANYREQUESTS", "503 UNAVAILABLE"] + more
        #expect(
            allowed.contains("\(response.status) \(response.errorCode ?? "")"), "\(response.status) \(response.text)")
        return false
    }

    private func push(_ blob: Blob, over connection: RawConnection) async throws -> Bool {
        let begun = try await connection.request("POST", "/v2/app/blobs/uploads/", body: Data())
        guard try await isDone(begun, 202), let location = begun["Location"] else { return false }
        let session = pathAndQuery(location)
        do {
            if try await upload(blob, to: session, over: connection) { return true }
        } catch {
            try await cancel(session)
            throw error
        }
        try await cancel(session)
        return false
    }

    private func upload(_ blob: Blob, to session: String, over connection: RawConnection) async throws -> Bool {
        guard blob.bytes.count % 2 == 0 else {
            let put = adding(digest: blob.digest, to: session)
            return try await isDone(try await connection.request("PUT", put, body: blob.bytes), 201)
        }
        let half = blob.bytes.count / 2
        let patched = try await connection.request("PATCH", session, body: Data(blob.bytes.prefix(half)))
        guard try await isDone(patched, 202), let next = patched["Location"] else { return false }
        let put = adding(digest: blob.digest, to: pathAndQuery(next))
        return try await isDone(try await connection.request("PUT", put, body: Data(blob.bytes.dropFirst(half))), 201)
    }

    /// Leaves no session behind; it is unknown if it was ended after all.
    private func cancel(_ session: String) async throws {
        for _ in 0..<60 {
            let connection = try await registry.connect()
            defer { connection.close() }
            guard let response = try? await connection.request("DELETE", session) else { continue }
            if response.status == 204 || response.status == 404 { return }
            _ = try await isDone(response, 204)
        }
        throw DidNotHappen(description: "a cancellation failed 60 times")
    }

    /// A pull that doesn't end early brings the content and nothing else.
    private func pull(_ blob: Blob, over connection: RawConnection) async throws -> Bool {
        let response = try await connection.request("GET", "/v2/app/blobs/\(blob.digest)")
        // A reader that ends early breaks its contract; with few bytes that is known before the answer begins.
        guard try await isDone(response, 200, also: ["500 UNKNOWN"]) else { return false }
        #expect(response.body == blob.bytes)
        await ledger.notePull()
        return true
    }
}
