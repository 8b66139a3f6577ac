import TestSupport
import Testing

/// `CHECKS.md` is what people read to learn what a driver must do; it may not drift from what runs.
@Suite("The list of checks")
struct ChecksListTests {
    @Test("CHECKS.md names every numbered check that exists, and no other")
    func listIsTrue() throws {
        let listed = try SourceTree.text("Tests/PluginContractTests/CHECKS.md").split(separator: "\n")
            .compactMap { $0.firstMatch(of: #/^\| ([0-9MP]+) \|/#)?.1 }
        let files = SourceTree.files(below: "Tests/PluginContractTests", extensions: ["swift"])
        let existing = try files.flatMap { file in
            try SourceTree.text(file).matches(of: #/@Test\(\s*"([0-9MP]+) · /#).map(\.1)
        }
        #expect(Set(listed).count == listed.count, "a check is listed twice")
        #expect(Set(existing).count == existing.count, "two checks have the same number")
        #expect(Set(listed).subtracting(existing).sorted() == [], "listed, but there is no such test")
        #expect(Set(existing).subtracting(listed).sorted() == [], "not listed")
    }
}
