import Fuzzing
import Testing

@Suite("Inputs of any kind")
struct ReplayTests {
    @Test("Every kept input does what it must")
    func seeds() async throws {
        var seen: Set<Int> = []
        for seed in try Seeds.all() {
            do {
                seen.formUnion(try await FuzzInput.run(seed.bytes))
            } catch {
                Issue.record("\(seed.name): \(error)")
            }
        }
        // If it were not so, the inputs would no longer reach what they are about.
        #expect(seen.isSuperset(of: [200, 201, 202, 204, 206, 301, 304, 400, 404, 405, 413, 414, 416, 431, 501, 505]))
    }

    @Test("Changed inputs do as well", arguments: UInt64(1)...4)
    func mutations(seed: UInt64) async throws {
        var random = SplitMix64(seed: seed)
        var mutator = Mutator(seed: seed)
        // The kind `wire` waits for the clock: that is for `make fuzz`.
        let seeds = try Seeds.all().map(\.bytes).filter { !$0.starts(with: "wire".utf8) }
        for _ in 0..<1000 {
            let input = try #require(seeds.randomElement(using: &random))
            let other = try #require(seeds.randomElement(using: &random))
            let changed = mutator.mutate(input, with: other, maximum: 4096)
            do {
                try await FuzzInput.run(changed)
            } catch {
                Issue.record("\(error)\n\(String(decoding: changed, as: UTF8.self))")
            }
        }
    }
}
