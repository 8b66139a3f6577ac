import Foundation
import TestSupport
import Testing

/// Plugins whose calls block: the client gets its answer when the call's time is up, and the others get theirs meanwhile.
@Suite("A plugin that blocks", .enabled(if: BuildProducts.serverIsOurs, "another server has no plugins"))
struct StuckPluginTests {
    /// - Parameters:
    ///   - component: looks at nothing before it is told to stop, or never; all else works.
    ///   - longest: the call's time, with the ten seconds that a plugin has to give up, and what a busy machine adds.
    @Test(
        "A client waits no longer than the call may take, and others don't wait", .timeLimit(.minutes(2)),
        arguments: [("rogue-polling-blocking", Duration.seconds(8)), ("rogue-never-blocking", .seconds(25))])
    func stuck(component: String, longest: Duration) async throws {
        let library = try await PluginFixture.library("Tests/PluginContractTests/Fixtures/rogue.c")
        try await withTemporaryDirectory { directory in
            let configuration = Configuration(
                storage: "\(component): {}\noperationtimeout: 1s", more: "plugins: {load: [\(library)]}")
            try await withRegistry(in: directory, configuration) { registry in
                let blob = "/v2/stuck/blobs/sha256:" + String(repeating: "a", count: 64)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<3 {
                        group.addTask {
                            let start = ContinuousClock.now
                            let response = try await registry.curl(blob, "--head")
                            let time = ContinuousClock.now - start
                            #expect(response.status == 503)
                            #expect((.milliseconds(900)...longest).contains(time), "\(time)")
                        }
                    }
                    let start = ContinuousClock.now
                    for _ in 0..<10 {
                        #expect(try await registry.curl("/v2/").status == 200)
                        #expect(try await registry.curl("/v2/other/manifests/1").status == 404)
                    }
                    // Waiting for the stuck calls would take ten times as long.
                    #expect(ContinuousClock.now - start < .seconds(60))
                    try await group.waitForAll()
                }
            }
        }
    }
}
