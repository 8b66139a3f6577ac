import HTTPServer
import NIOCore
import NIOHTTP1
import RegistryCore
import RegistryModel
import Synchronization
import Testing

@testable import RegistryHTTP

@Suite("Room for bodies that are collected")
struct BodyBudgetTests {
    private func request(_ count: Int, from peer: String = "192.0.2.1:1") -> HTTPRequest {
        HTTPRequest(
            method: .PUT, target: "/", remoteAddress: peer,
            body: HTTPRequestBody(ByteBuffer(repeating: 0x61, count: count)))
    }

    private func refusal(_ budget: BodyBudget, _ count: Int, from peer: String = "192.0.2.1:1") async -> RegistryError?
    {
        do {
            return try await budget.withBody(of: request(count, from: peer), limit: 1 << 20) { bytes in
                bytes.readableBytes == count ? nil : RegistryError(.unknown)
            }
        } catch {
            return error as? RegistryError
        }
    }

    @Test("Bodies count while they are used, in the process and for each connection")
    func bounds() async throws {
        let budget = BodyBudget(total: 800_000, perConnection: 300_000)
        try await budget.withBody(of: request(250_000), limit: 1 << 20) { _ in
            #expect(budget.held == 250_000)
            let error = await refusal(budget, 100_000)
            #expect(error?.code == .unavailable)
            #expect(error?.retryAfter == .seconds(1))
            try await budget.withBody(of: request(250_000, from: "b"), limit: 1 << 20) { _ in
                // The last quarter is for small ones.
                #expect(await refusal(budget, 150_000, from: "c")?.code == .unavailable)
                #expect(await refusal(budget, 60_000, from: "c") == nil)
            }
        }
        #expect(budget.held == 0)
        #expect(await refusal(budget, 250_000) == nil)
    }

    @Test("A body over the limit is 413, and gives back its room")
    func tooLarge() async {
        let budget = BodyBudget(total: 8 << 20, perConnection: 8 << 20)
        let error = await refusal(budget, (1 << 20) + 1)
        #expect(error?.status == 413)
        #expect(budget.held == 0)
    }

    @Test("A failed use gives back the room")
    func failure() async {
        struct Failure: Error {}
        let budget = BodyBudget(total: 8 << 20, perConnection: 8 << 20)
        await #expect(throws: Failure.self) {
            try await budget.withBody(of: request(1000), limit: 1 << 20) { _ in throw Failure() }
        }
        #expect(budget.held == 0)
    }
}
