import Foundation
import PluginKit
import Synchronization
import TestSupport
import Testing

@testable import ObjectStoreKit

@Suite("What is tried again, and what isn't")
struct RetryTests {
    private let key = UUID().uuidString

    @discardableResult
    private func withClient<Result>(
        _ host: TestHost = TestHost(), _ change: (inout RetryPolicy) -> Void = { _ in },
        _ body: (StoreClient, FakeStore) async throws -> Result
    ) async throws -> Result {
        try await withEngine(host) { engine, store in
            var policy = RetryPolicy()
            policy.baseDelay = 20
            change(&policy)
            let client = StoreClient(engine, retries: policy, host: host.host) { request, response in
                if response.isSuccess { return nil }
                let code = (try? XMLElement.parse(response.body))?["Code"]?.text ?? ""
                var error = StoreError(
                    response, operation: request.operation, vendorCode: code,
                    requestID: response.headers["x-amz-request-id"] ?? "")
                if code == "ExpiredToken" { error.retry = .credentials }
                return error
            }
            return try await body(client, store)
        }
    }

    private func seen(_ client: StoreClient, _ store: FakeStore) async throws -> Int? {
        let response = try await client.engine.send(store.request(.get, "/seen", [QueryItem("of", key)]), .soon)
        return Int(response.body.text)
    }

    private func query(_ items: (String, String)...) -> [QueryItem] {
        [QueryItem("key", key)] + items.map { QueryItem($0.0, $0.1) }
    }

    @Test(
        "A throttle, a failure and a broken connection pass",
        arguments: [
            "/status/503", "/status/429", "/status/500", "/status/502", "/reset/nothing", "/reset/head", "/drop",
        ])
    func passing(path: String) async throws {
        let host = TestHost()
        try await withClient(host) { client, store in
            let numbers = Mutex<[Int]>([])
            let response = try await client.send(.soon) { attempt in
                numbers.withLock { $0.append(attempt.number) }
                return store.request(.put, path, query(("count", "2"), ("code", "SlowDown")))
            }
            #expect(response.body.text == "fine")
            #expect(numbers.withLock { $0 } == [1, 2, 3])
            #expect(try await seen(client, store) == 3)
            let classes = ["throttled", "server", "connection"]
            #expect(classes.map { host.value("objectstore_retries_total", "test", "Test", $0) }.reduce(0, +) == 2)
        }
    }

    @Test("A stream is opened again until it opens")
    func streams() async throws {
        try await withClient { client, store in
            let stream = try await client.open(.soon) { _ in store.request(.get, "/status/503", query(("count", "2"))) }
            #expect(try await stream.collect(limit: 100, .soon).text == "fine")
            let (_, error) = await timed { _ = try await client.open(.soon) { _ in store.request(.get, "/nothing") } }
            #expect((error?.kind, error?.noEffect) == (.notFound, true))
            let accepted = try await client.open(.soon, refusal: { _, _ in nil }) { _ in
                store.request(.get, "/status/416", query(("code", "InvalidRange")))
            }
            #expect(accepted.status == 416)
            #expect(try await accepted.collect(limit: 1000, .soon).text.contains("InvalidRange"))
        }
    }

    @Test("A store that asks for time gets it")
    func retryAfter() async throws {
        try await withClient { client, store in
            let (seconds, error) = await timed {
                _ = try await client.send(.soon) { _ in
                    store.request(.get, "/status/503", query(("count", "1"), ("after", "1")))
                }
            }
            #expect(error == nil)
            #expect(seconds >= 1 && seconds < 30)
        }
    }

    @Test("More time than the call has, or than is sensible, is passed on at once", arguments: ["60", "5"])
    func tooLong(after: String) async throws {
        try await withClient { client, store in
            let (_, error) = await timed {
                _ = try await client.send(.after(milliseconds: 4000)) { _ in
                    store.request(.get, "/status/503", query(("after", after)))
                }
            }
            let count = try await seen(client, store)
            #expect(count == 1)
            #expect(error?.kind == .throttled)
            #expect(error?.pluginError.retryAfterMilliseconds == Int64(after).map { $0 * 1000 })
            #expect(error?.pluginError.isRetryable == true)
        }
    }

    @Test(
        "A refusal isn't tried again, and keeps what the store said",
        arguments: [
            (400, StoreError.Kind.invalid), (403, .permission), (404, .notFound), (409, .precondition),
            (412, .precondition), (416, .range), (301, .config), (501, .unsupported),
        ])
    func refusals(status: Int, kind: StoreError.Kind) async throws {
        try await withClient { client, store in
            let (_, error) = await timed {
                _ = try await client.send(.soon) { _ in
                    store.request(.put, "/status/\(status)", query(("code", "VendorCode")))
                }
            }
            #expect((error?.kind, error?.status) == (kind, status))
            #expect((error?.vendorCode, error?.requestID) == ("VendorCode", "R-1"))
            let count = try await seen(client, store)
            #expect(count == 1)
            #expect(error?.pluginError.code == kind.code)
            #expect(error?.pluginError.message.contains("R-1") == true)
        }
    }

    @Test(
        "What isn't idempotent isn't repeated when nobody knows what became of it",
        arguments: [
            ("/status/500", 1), ("/drop", 1), ("/status/503", 5),
        ])
    func notIdempotent(path: String, expected: Int) async throws {
        try await withClient { client, store in
            // A 503 with the code of a throttle is a refusal: nothing was done.
            let (_, error) = await timed {
                _ = try await client.send(.soon) { _ in
                    store.request(.post, path, query(("code", path == "/status/503" ? "SlowDown" : "X")))
                }
            }
            #expect(error?.noEffect == (expected == 5))
            let count = try await seen(client, store)
            #expect(count == expected)
        }
    }

    @Test("With a check it is repeated, taken for done, or given up, as the check says")
    func checks() async throws {
        try await withClient { client, store in
            let request = store.request(.post, "/status/500", query(("count", "1")))
            let repeated = try await client.send(.soon, check: { _ in .notDone }) { attempt in
                #expect(attempt.hadUnknownEffect == (attempt.number > 1))
                return request
            }
            #expect(repeated.body.text == "fine")
            let again = store.request(.post, "/drop", [QueryItem("key", "other-\(key)")])
            let done = try await client.send(.soon, check: { _ in .done(HTTPResponse(status: 299)) }) { _ in again }
            #expect(done.status == 299)
            let (_, error) = await timed { _ = try await client.send(.soon, check: { _ in .unknown }) { _ in again } }
            #expect((error?.cause, error?.noEffect) == (.reset, false))
        }
    }

    @Test("Expired credentials are renewed once")
    func credentials() async throws {
        try await withClient { client, store in
            let renewed = Mutex<[Bool]>([])
            let (_, error) = await timed {
                _ = try await client.send(.soon) { attempt in
                    renewed.withLock { $0.append(attempt.previous?.retry == .credentials) }
                    return store.request(.get, "/status/403", query(("code", "ExpiredToken")))
                }
            }
            #expect(error?.kind == .permission)
            #expect(renewed.withLock { $0 } == [false, true])
        }
    }

    @Test("When the budget is spent nothing is repeated, until something succeeds")
    func budget() async throws {
        try await withClient(TestHost(), { $0.budget = 10 }) { client, store in
            let bad = store.request(.get, "/status/500", query())
            _ = await timed { _ = try await client.send(.soon) { _ in bad } }
            #expect(try await seen(client, store) == 3)
            _ = await timed { _ = try await client.send(.soon) { _ in bad } }
            #expect(try await seen(client, store) == 4)
            for _ in 0..<5 { _ = try await client.send(.soon) { _ in store.request(.get, "/echo") } }
            _ = await timed { _ = try await client.send(.soon) { _ in bad } }
            #expect(try await seen(client, store) == 6)
        }
    }

    @Test("Cancelling ends the wait between two attempts")
    func cancelling() async throws {
        try await withClient(
            TestHost(),
            {
                $0.baseDelay = 20_000; $0.maximumDelay = 20_000
            }
        ) { client, store in
            let request = store.request(.get, "/status/503", query(("after", "10")))
            let task = Task { await timed { _ = try await client.send(.soon) { _ in request } } }
            try await Task.sleep(for: .milliseconds(300))
            task.cancel()
            let (seconds, error) = await task.value
            #expect(seconds < 9)
            #expect(error?.kind == .cancelled)
        }
    }

    @Test("What the request closure throws comes through")
    func ownErrors() async throws {
        try await withClient { client, _ in
            await #expect(throws: CancellationError.self) {
                _ = try await client.send(.soon) { _ in throw CancellationError() }
            }
        }
    }

    @Test("The waits grow, are spread, and stay within their bounds")
    func delays() {
        let policy = RetryPolicy()
        for number in 1...70 {
            let ceiling = min(100 * (1 << min(number - 1, 20)), 10_000)
            let waits = (0..<50).compactMap { _ in policy.delay(after: number, hint: nil) }
            #expect(waits.allSatisfy { $0 >= 0 && $0 <= ceiling * 1_000_000 })
            #expect(Set(waits).count > 10)
        }
        #expect(policy.delay(after: 1, hint: 31_000_000_000) == nil)
        #expect((policy.delay(after: 1, hint: 1_000_000_000) ?? 0) >= 1_000_000_000)
    }

    @Test("No line and no error holds a header, a query or a credential")
    func secrets() async throws {
        let host = TestHost()
        try await withClient(host) { client, store in
            for path in ["/status/503", "/reset/head", "/status/403", "/short"] {
                let (_, error) = await timed {
                    _ = try await client.send(.after(milliseconds: 1500)) { _ in
                        var request = store.request(.get, path, query(("X-Amz-Signature", "s3cr3t")))
                        request.headers["Authorization"] = "s3cr3t"
                        request.subject = "a/key"
                        return request
                    }
                }
                #expect("\(error as Any)".contains("s3cr3t") == false)
                #expect(error != nil)
            }
            #expect(!host.everything.contains("s3cr3t"))
            #expect(host.everything.contains("a/key"))
        }
    }
}

@Suite("What a store's error becomes")
struct StoreErrorTests {
    @Test("Texts of the store are cleaned and cut")
    func cleaning() {
        let response = HTTPResponse(status: 400)
        let error = StoreError(
            response, operation: "Put", vendorCode: "A\nB" + String(repeating: "x", count: 200),
            vendorMessage: "line\r\nInjected: \u{1B}[31m" + String(repeating: "é", count: 2000), requestID: "r\u{0}id")
        #expect(error.message.utf8.count <= 512)
        #expect(!error.message.unicodeScalars.contains { $0.properties.generalCategory == .control })
        #expect(error.vendorCode.hasPrefix("A B") && error.vendorCode.utf8.count <= 64)
        #expect(error.requestID == "r id")
    }

    @Test("It comes through the kit's boundary as the right class")
    func wrapping() {
        var error = StoreError(.throttled, "slow", retry: .throttled, noEffect: true)
        error.retryAfter = 1_500_000_000
        error.vendorCode = "SlowDown"
        let wrapped = PluginError(wrapping: error)
        #expect((wrapped.code, wrapped.retryAfterMilliseconds, wrapped.vendorCode) == (.throttled, 1500, "SlowDown"))
        #expect(wrapped.noEffect && wrapped.isRetryable)
    }

    @Test("503 is a throttle only if the store says so")
    func throttles() {
        let plain = HTTPResponse(status: 503)
        #expect(StoreError(plain, operation: "Get").kind == .unavailable)
        #expect(StoreError(plain, operation: "Get", vendorCode: "SlowDown").kind == .throttled)
        let hint = HTTPResponse(status: 503, headers: ["Retry-After": "2"])
        let error = StoreError(hint, operation: "Get")
        #expect((error.kind, error.retryAfter, error.noEffect) == (.throttled, 2_000_000_000, true))
    }
}
