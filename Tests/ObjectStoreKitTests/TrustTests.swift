import Foundation
import PluginKit
import TestSupport
import Testing

@testable import ObjectStoreKit

@Suite("Certificates and proxies", .serialized)
struct TrustTests {
    private func withTLSStore(_ body: (FakeStore, String) async throws -> Void) async throws {
        _ = try await FakeStore.shared.value
        try await withTemporaryDirectory { directory in
            let (key, certificate) = (directory.path("key.pem"), directory.path("certificate.pem"))
            try await Command.run(
                "openssl",
                [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=store", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate,
                ]
            ).checked()
            let store = try await FakeStore(certificate: certificate, key: key)
            do {
                try await body(store, certificate)
            } catch {
                await store.process.kill()
                throw error
            }
            await store.process.kill()
        }
    }

    private func status(_ store: FakeStore, _ change: (inout HTTPConfiguration) -> Void) async throws -> Int {
        var configuration = HTTPConfiguration(driver: "test")
        change(&configuration)
        let engine = HTTPEngine(configuration, host: TestHost().host)
        try engine.start()
        let result: Result<Int, any Error>
        do {
            var request = store.request(.put, "/echo")
            request.body = .bytes([UInt8](repeating: 1, count: 3 << 20))
            _ = try await engine.send(request, .soon)
            result = .success(try await engine.send(request, .soon).status)
        } catch {
            result = .failure(error)
        }
        await engine.stop()
        return try result.get()
    }

    @Test("A certificate of nobody is refused, its own authority accepts it, and so does who doesn't look")
    func certificates() async throws {
        try await withTLSStore { store, certificate in
            let (_, error) = await timed { _ = try await status(store) { _ in } }
            #expect((error?.kind, error?.cause, error?.retry) == (.unavailable, .tls, nil), "\(error as Any)")
            #expect(error?.noEffect == true)
            #expect(error?.message.contains("certificate") == true)
            let trusting = try await status(store) { $0.caFile = certificate }
            #expect(trusting == 200)
            let careless = try await status(store) { $0.verifiesTLS = false }
            #expect(careless == 200)
        }
    }

    @Test("A certificate for another name is refused")
    func otherName() async throws {
        try await withTLSStore { store, certificate in
            let other = FakeStore(store, host: "127.0.0.2")
            let (_, error) = await timed { _ = try await status(other) { $0.caFile = certificate } }
            let failure = try #require(error)
            #expect([.tls, .connect].contains(failure.cause))
            let careless = try await status(FakeStore(store, host: "localhost")) { $0.verifiesTLS = false }
            #expect(careless == 200)
            let (_, name) = await timed {
                _ = try await status(FakeStore(store, host: "localhost")) { $0.caFile = certificate }
            }
            #expect(name?.cause == .tls)
        }
    }

    @Test("An authority's file that isn't there fails the start, and names the file")
    func missingFile() {
        var configuration = HTTPConfiguration(driver: "test")
        configuration.caFile = "/nowhere/ca.pem"
        let engine = HTTPEngine(configuration, host: TestHost().host)
        let error = #expect(throws: StoreError.self) { try engine.start() }
        #expect((error?.kind, error?.message.contains("/nowhere/ca.pem")) == (.config, true))
    }

    @Test("TLS carries large bodies both ways, paused and resumed")
    func largeBodies() async throws {
        try await withTLSStore { store, certificate in
            var configuration = HTTPConfiguration(driver: "test")
            configuration.caFile = certificate
            let engine = HTTPEngine(configuration, host: TestHost().host)
            try engine.start()
            let stream = try await engine.open(store.request(.get, "/object/30000000"), .soon)
            var count = 0
            while true {
                let piece = try await stream.next(maximum: 256 << 10, .soon)
                if piece.count == 0 { break }
                #expect(piece.withUnsafeBytes { $0.first } == UInt8(truncatingIfNeeded: count))
                count += piece.count
                if count % 3 == 0 { try await Task.sleep(for: .milliseconds(3)) }
            }
            #expect(count == 30_000_000)
            await engine.stop()
        }
    }

    @Test("The environment's proxy is used, unless the request says no")
    func proxy() async throws {
        try await withEngine { engine, store in
            // The store takes requests for any host, as a proxy does; the environment names it.
            var request = store.request(.get, "/echo")
            request.endpoint = Endpoint(.http, host: "store.invalid")
            let response = try await engine.send(request, .soon)
            let told = try JSON.decode(FakeStore.Echo.self, response.body)
            #expect(told.target == "http://store.invalid/echo")
            #expect(told.headers["Host"] == "store.invalid")
            request.usesProxy = false
            let (_, error) = await timed { _ = try await engine.send(request, .soon) }
            #expect(error?.cause == .resolve)
        }
    }
}

extension FakeStore {
    /// The same server under another name.
    fileprivate init(_ other: FakeStore, host: String) {
        endpoint = Endpoint(other.endpoint.scheme, host: host, port: other.endpoint.port)
        process = other.process
    }
}
