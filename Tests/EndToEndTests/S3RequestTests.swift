import Foundation
import TestSupport
import Testing

/// A proxy before the store that writes down every request.
struct RequestLog: Sendable {
    let endpoint: String
    private let process: ServerProcess
    private let file: String

    static func start(before store: S3Server, in directory: TemporaryDirectory) async throws -> RequestLog {
        let port = try FreePort.take()
        let upstream = store.endpoint.split(separator: ":").last.map(String.init) ?? ""
        let file = directory.path("requests-\(port)")
        try Data().write(to: URL(fileURLWithPath: file))
        let process = try ServerProcess(
            "python3", [SourceTree.path("Tests/EndToEndTests/Fixtures/request_log.py"), "\(port)", upstream, file],
            logFile: directory.path("proxy-\(port).log"))
        try await process.ready(port: port)
        return RequestLog(endpoint: "http://127.0.0.1:\(port)", process: process, file: file)
    }

    /// The operations that `body` brought about.
    func count(_ body: () async throws -> Void) async throws -> Requests {
        let before = try lines().count
        try await body()
        // What a server does behind its answer belongs to the action, too.
        var seen = try lines().count
        while true {
            try await Task.sleep(for: .milliseconds(150))
            let now = try lines().count
            if now == seen { break }
            seen = now
        }
        return Requests(operations: try lines().dropFirst(before).map { String($0.prefix { $0 != " " }) })
    }

    private func lines() throws -> [Substring] {
        try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
    }

    func stop() async { await process.kill() }
}

/// What one action of a user cost.
struct Requests: Sendable, CustomStringConvertible {
    let operations: [String]

    /// What grows with the size of content.
    private static let parts: Set<String> = [
        "UploadPart", "UploadPartCopy", "CreateMultipartUpload", "CompleteMultipartUpload",
    ]

    var count: Int { operations.count }
    var withoutParts: Int { operations.filter { !Self.parts.contains($0) }.count }

    var description: String {
        let sums = Dictionary(operations.map { ($0, 1) }, uniquingKeysWith: +)
        return "\(count): " + sums.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    }
}

/// How many requests each action of a user costs, here and with Debian's registry; `docs/object-stores.md` has the table.
@Suite("Requests to an object store")
struct S3RequestTests {
    /// Rows of the table, in its order.
    private final class Table: @unchecked Sendable {
        // Used by one task.
        var rows: [(action: String, requests: Requests)] = []

        func add(_ action: String, _ requests: Requests) { rows.append((action, requests)) }
        subscript(_ action: String) -> Requests? { rows.first { $0.action == action }?.requests }
    }

    private func measure(_ server: String) async throws -> (table: Table, leftovers: [String]) {
        let table = Table()
        let leftovers = try await withTemporaryDirectory { directory in
            let log = try await RequestLog.start(before: try await S3Server.seaweed(), in: directory)
            let left = try await withS3Registry(server: server, endpoint: log.endpoint) { registry, root, _ in
                try await blobs(registry, log, table)
                try await manifests(registry, log, table)
                return try await ending(registry, root, log, table)
            }
            await log.stop()
            return left
        }
        return (table, leftovers)
    }

    private func blobs(_ registry: Registry, _ log: RequestLog, _ table: Table) async throws {
        let steps = UploadSteps(registry: registry, repository: "team/app")
        for (name, size) in [("1 KiB", 1024), ("10 MiB", 10 << 20), ("200 MiB", 200 << 20)] {
            let (known, unknown, chunked) = (
                try await Blob.random(size), try await Blob.random(size), try await Blob.random(size)
            )
            table.add(
                "push \(name), digest known",
                try await log.count {
                    try await steps.end(try await steps.begin(), known.digest, known.bytes)
                })
            table.add(
                "push \(name), digest unknown",
                try await log.count {
                    try await steps.end(try await steps.patch(try await steps.begin(), unknown.bytes), unknown.digest)
                })
            table.add(
                "push \(name) in ten chunks",
                try await log.count {
                    var location = try await steps.begin()
                    for index in 0..<10 {
                        location = try await steps.patch(
                            location, chunked.bytes[(size * index / 10)..<(size * (index + 1) / 10)])
                    }
                    try await steps.end(location, chunked.digest)
                })
            if size == 1024 {
                table.add(
                    "HEAD of a blob",
                    try await log.count {
                        let answer = try await registry.curl("/v2/team/app/blobs/\(known.digest)", "--head")
                        #expect(answer.status == 200)
                    })
                table.add(
                    "push again (HEAD)",
                    try await log.count {
                        _ = try await registry.curl("/v2/team/app/blobs/\(known.digest)", "--head")
                    })
                table.add(
                    "pull of a blob",
                    try await log.count {
                        let answer = try await registry.curl("/v2/team/app/blobs/\(known.digest)")
                        #expect(answer.body == known.bytes)
                    })
                table.add(
                    "mount",
                    try await log.count {
                        let answer = try await registry.curl(
                            "/v2/team/other/blobs/uploads/?mount=\(known.digest)&from=team/app", "-X", "POST", "-d", "")
                        #expect(answer.status == 201)
                    })
            }
        }
    }

    private func manifests(_ registry: Registry, _ log: RequestLog, _ table: Table) async throws {
        let steps = UploadSteps(registry: registry, repository: "team/app")
        let (config, layer) = (try await Blob("{}"), try await Blob.random(2000))
        for blob in [config, layer] { try await steps.end(try await steps.begin(), blob.digest, blob.bytes) }
        let type = "application/vnd.oci.image.manifest.v1+json"
        let text = """
            {"schemaVersion":2,"mediaType":"\(type)","config":{"mediaType":"application/vnd.oci.image.config.v1+json",\
            "digest":"\(config.digest)","size":2},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar",\
            "digest":"\(layer.digest)","size":2000}]}
            """
        let manifest = try await Blob(text)
        func push(_ reference: String) async throws {
            let answer = try await registry.curl(
                "/v2/team/app/manifests/\(reference)", "-X", "PUT", "-H", "Content-Type: \(type)", "--data-binary", text
            )
            #expect(answer.status == 201)
        }
        table.add("push of a manifest with 2 references", try await log.count { try await push("1.0") })
        func pull(_ reference: String) async throws {
            let answer = try await registry.curl("/v2/team/app/manifests/\(reference)", "-H", "Accept: \(type)")
            #expect(answer.status == 200 && answer.body == manifest.bytes)
        }
        try await pull("1.0")
        table.add("pull of a manifest by tag", try await log.count { try await pull("1.0") })
        table.add("pull of a manifest by digest", try await log.count { try await pull(manifest.digest) })
        table.add(
            "HEAD of a manifest",
            try await log.count {
                let answer = try await registry.curl("/v2/team/app/manifests/1.0", "--head", "-H", "Accept: \(type)")
                #expect(answer.status == 200)
            })
        for index in 0..<20 { try await push("tag-\(index)") }
        table.add(
            "delete of a manifest with 21 tags",
            try await log.count {
                let answer = try await registry.curl("/v2/team/app/manifests/\(manifest.digest)", "-X", "DELETE")
                #expect(answer.status == 202)
            })
    }

    /// - Returns: what the cancelled upload left.
    private func ending(
        _ registry: Registry, _ root: S3Root, _ log: RequestLog, _ table: Table
    ) async throws -> [String] {
        let steps = UploadSteps(registry: registry, repository: "team/gone")
        let blob = try await Blob.random(12 << 20)
        let location = try await steps.patch(try await steps.begin(), blob.bytes)
        table.add(
            "cancel of an upload of 12 MiB",
            try await log.count {
                let answer = try await registry.curl(location, "-X", "DELETE")
                #expect(answer.status == 204)
            })
        return try await root.leftovers().filter { $0.contains("team/gone") }
    }

    @Test("Each action stays below its bar", .timeLimit(.minutes(10)))
    func bars() async throws {
        let (table, leftovers) = try await measure(BuildProducts.server)
        for row in table.rows { print("requests | \(row.action) | \(row.requests)") }
        #expect(leftovers == [])
        for size in ["1 KiB", "10 MiB", "200 MiB"] {
            let isSmall = size != "200 MiB"
            let known = try #require(table["push \(size), digest known"])
            #expect((isSmall ? known.count : known.withoutParts) <= 4, "\(known)")
            let unknown = try #require(table["push \(size), digest unknown"])
            #expect((isSmall ? unknown.count : unknown.withoutParts) <= 7, "\(unknown)")
            let chunks = try #require(table["push \(size) in ten chunks"])
            #expect((isSmall ? chunks.count : chunks.withoutParts) <= 30, "\(chunks)")
        }
        let most = [
            "HEAD of a blob": 2, "push again (HEAD)": 2, "pull of a blob": 2, "mount": 3,
            "push of a manifest with 2 references": 7, "pull of a manifest by tag": 3,
            "pull of a manifest by digest": 2, "HEAD of a manifest": 3,
        ]
        for (action, bar) in most {
            let requests = try #require(table[action])
            #expect(requests.count <= bar, "\(action): \(requests)")
        }
    }

    /// Measures Debian's registry for the table; it holds to no bar of ours.
    @Test(
        "The same with Debian's registry", .timeLimit(.minutes(10)),
        .enabled("MOORING_MEASURE_PEER is set") { ProcessInfo.processInfo.environment["MOORING_MEASURE_PEER"] != nil })
    func peer() async throws {
        let (table, leftovers) = try await measure(DistributionRootTests.distribution)
        for row in table.rows { print("requests | \(row.action) | \(row.requests)") }
        print("requests | left by a cancelled upload | \(leftovers)")
        #expect(table.rows.count >= 15)
    }
}
