import Foundation
import ObjectStoreKit
import TestSupport

/// The store of `Fixtures/store_server.py`, a process of its own. Its paths say how it behaves.
struct FakeStore: Sendable {
    let endpoint: Endpoint
    let process: ServerProcess

    /// One for all tests that don't need their own.
    static let shared = Task {
        let store = try await FakeStore()
        // Whoever leaves loopback goes through the store, which takes requests for any host as a proxy does. Said once,
        // before the first engine begins: libcurl reads the environment whenever it likes.
        setenv("http_proxy", store.endpoint.url, 1)
        setenv("no_proxy", "127.0.0.1,localhost,127.0.0.2", 1)
        for name in ["https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy", "NO_PROXY"] { unsetenv(name) }
        return store
    }

    init(certificate: String? = nil, key: String? = nil) async throws {
        let script = SourceTree.path("Tests/ObjectStoreKitTests/Fixtures/store_server.py")
        let log = NSTemporaryDirectory() + "/mooring-store-\(UUID().uuidString)"
        let process = try ServerProcess(
            "python3", ["-u", script] + [certificate, key].compactMap { $0 }, logFile: log)
        try await process.ready { process.log.contains("\n") }
        self.process = process
        let port = Int(process.log.prefix { $0.isNumber })
        try? FileManager.default.removeItem(atPath: log)
        endpoint = Endpoint(certificate == nil ? .http : .https, host: "127.0.0.1", port: port)
    }

    func request(_ method: HTTPRequest.Method = .get, _ path: String, _ query: [QueryItem] = []) -> HTTPRequest {
        var request = HTTPRequest("Test", method, endpoint, path: path)
        request.query = query
        return request
    }

    /// Answers of the echo.
    struct Echo: Decodable {
        let method: String
        let target: String
        let headers: [String: String]
        let length: Int
        let sha256: String
        let connection: Int
    }

    struct Connections: Decodable {
        let opened: Int
        let closed: Int
    }
}

/// Runs `body` with an engine, stops it, and sees to it that nothing of it is left.
@discardableResult
func withEngine<Result>(
    _ host: TestHost = TestHost(), _ change: (inout HTTPConfiguration) -> Void = { _ in },
    _ body: (HTTPEngine, FakeStore) async throws -> Result
) async throws -> Result {
    let store = try await FakeStore.shared.value
    var configuration = HTTPConfiguration(driver: "test")
    change(&configuration)
    let engine = HTTPEngine(configuration, host: host.host)
    try engine.start()
    do {
        let result = try await body(engine, store)
        await engine.stop()
        guard engine.connections == 0, engine.transfersInFlight == 0 else {
            throw DidNotHappen(description: "\(engine.connections) connections are left")
        }
        return result
    } catch {
        await engine.stop()
        throw error
    }
}

/// How many seconds something took, and what it threw.
func timed(_ body: () async throws -> Void) async -> (seconds: Double, error: StoreError?) {
    let clock = ContinuousClock()
    let start = clock.now
    var failure: StoreError?
    do { try await body() } catch { failure = error as? StoreError }
    let elapsed = clock.now - start
    return (Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18, failure)
}

extension Deadline {
    static var soon: Deadline { .after(milliseconds: 30_000) }
}

/// The threads of this process.
func threads() -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
}

/// Those of them that are engines'.
func engineThreads() -> [String] {
    threads().filter { thread in
        let name = try? String(contentsOfFile: "/proc/self/task/\(thread)/comm", encoding: .utf8)
        return name?.hasPrefix("objectstore") == true
    }
}

/// Resident memory of this process in bytes.
func residentBytes() -> Int {
    let fields = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ") ?? []
    return fields.count > 1 ? (Int(fields[1]) ?? 0) * 4096 : 0
}
