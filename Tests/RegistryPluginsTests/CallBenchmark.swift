import Foundation
import RegistryPlugins
import RegistryStorage
import Testing

/// What a call through the ABI costs. Not a test of speed: it prints, and runs only if `MOORING_BENCH` is set; its numbers
/// mean something in a release build only.
@Suite("Cost of a call", .enabled(if: ProcessInfo.processInfo.environment["MOORING_BENCH"] != nil), .serialized)
struct CallBenchmark {
    @Test("A call that completes inline, awaited a million times")
    func inlineCall() async throws {
        let driver = try await FixtureHost("minimal").open("minimal-inline")
        let path = try StoragePath("/object")
        for _ in 0..<5 {
            let time = try await Task.detached {
                let start = ContinuousClock.now
                for _ in 0..<1_000_000 { _ = try await driver.stat(path) }
                return ContinuousClock.now - start
            }.value
            print("inline stat: \(time / 1_000_000 / .nanoseconds(1)) ns")
        }
    }

    @Test("A call that runs on a worker thread, awaited ten thousand times")
    func workerCall() async throws {
        let driver = try await FixtureHost("minimal").open("minimal-serial-blocking")
        let path = try StoragePath("/most")
        let time = try await Task.detached {
            let start = ContinuousClock.now
            for _ in 0..<10_000 { _ = try await driver.stat(path) }
            return ContinuousClock.now - start
        }.value
        print("stat on a worker: \(time / 10_000 / .nanoseconds(1)) ns")
    }
}
