import Foundation
import TestSupport
import Testing

@Suite("The page on conformance")
struct ConformancePageTests {
    private let rows = Table.rows + Dialogues.rows

    @Test("Ids and keys are unique, and rows name requirements that exist")
    func keys() {
        #expect(Set(rows.map(\.id)).count == rows.count)
        let keys = Set(Requirements.all.map(\.key))
        #expect(keys.count == Requirements.all.count)
        for row in rows {
            #expect(!row.covers.isEmpty, "\(row.id) shows nothing")
            for key in row.covers { #expect(keys.contains(key), "\(row.id) names \(key)") }
        }
    }

    @Test("Every requirement is shown by a row or a test, or says why it is not")
    func coverage() throws {
        let numbers = try TrapTitles.byNumber().map { "trap-\($0.0)" }
        let shown = Set(rows.flatMap(\.covers) + numbers + ["header-api-version"])
        for requirement in Requirements.all where requirement.without == nil {
            #expect(shown.contains(requirement.key), "nothing shows \(requirement.key): \(requirement.says)")
        }
        #expect(numbers.allSatisfy { number in Requirements.all.contains { $0.key == number } })
    }

    @Test("Every known gap is one of a row")
    func gaps() {
        for gap in KnownGaps.reasons { #expect(rows.contains { $0.id.hasPrefix(gap.rows) }, "\(gap.rows)") }
    }

    @Test("docs/conformance.md is the page that the tables give; MOORING_UPDATE_PAGES=1 writes it")
    func page() throws {
        let text = try ConformancePage.markdown()
        if ProcessInfo.processInfo.environment["MOORING_UPDATE_PAGES"] != nil {
            try Data(text.utf8).write(to: URL(fileURLWithPath: SourceTree.path("docs/conformance.md")))
        }
        #expect(try SourceTree.text("docs/conformance.md") == text)
    }
}
