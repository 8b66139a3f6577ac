import Foundation
import TestSupport

/// `docs/conformance.md`, made from the requirements, the rows and the titles of the trap tests.
enum ConformancePage {
    static func markdown() throws -> String {
        let rows = Table.rows + Dialogues.rows
        var shown: [String: [String]] = [:]
        for row in rows { for key in row.covers { shown[key, default: []].append(row.id) } }
        for (number, titles) in try TrapTitles.byNumber() {
            shown["trap-\(number)", default: []] += titles.map { "“\($0)”" }
        }
        var text = introduction(rows)
        text += "\n## OCI Distribution Spec 1.1 and the development text\n\n"
        text += table(Requirements.specification, shown, withLevel: true)
        text += "\n## Distribution 3.1 behaviour\n"
        for place in ["Routes and methods", "Headers", "Error codes"] {
            text += "\n### \(place)\n\n" + table(DistributionRequirements.all.filter { $0.place == place }, shown)
        }
        text += "\n## What real clients depend on\n\nBy the numbers that the tests carry.\n\n"
        text += table(TrapRequirements.all, shown)
        text += "\n## Dialogues\n\nReplayed request by request over HTTP/1.1 and HTTP/2, plain and over TLS.\n\n"
        text += table(DialogueRequirements.all, shown)
        return text + gaps(rows) + suite + list(rows)
    }

    private static func introduction(_ rows: [Row]) -> String {
        let levels = Dictionary(grouping: Requirements.specification, by: \.level).mapValues(\.count)
        return """
            # Conformance

            What the registry must do, and the tests that show it on the wire, against the real binary. This page is made from
            the tables in `Tests/ConformanceTests`, and a test holds it to them: `MOORING_UPDATE_PAGES=1 swift test --filter
            ConformancePageTests` writes it.

            | | |
            |---|---|
            | rows, sent over HTTP/1.1 and again over HTTP/2 with TLS | \(Table.rows.count) |
            | dialogues of clients, sent over HTTP/1.1 and HTTP/2, plain and with TLS | \(Dialogues.rows.count) |
            | requirements of the specification | \(levels[.must] ?? 0) MUST, \(levels[.should] ?? 0) SHOULD, \(levels[.may] ?? 0) MAY |
            | behaviours of Distribution | \(DistributionRequirements.all.count) |
            | rows with a known gap | \(rows.filter { $0.gap != nil }.count) |

            “kept” is Distribution's behaviour, “ours” a difference that is meant. What only binds clients is not listed.

            """
    }

    private static func table(_ requirements: [Requirement], _ shown: [String: [String]], withLevel: Bool = false)
        -> String
    {
        var text =
            withLevel ? "| section | level | | shown by |\n|---|---|---|---|\n" : "| | | shown by |\n|---|---|---|\n"
        for requirement in requirements {
            let first = withLevel ? "\(requirement.place) | \(requirement.level.rawValue)" : label(requirement)
            text +=
                "| \(first) | \(cell(requirement.says)) | \(cell(proof(requirement, shown[requirement.key] ?? []))) |\n"
        }
        return text
    }

    private static func label(_ requirement: Requirement) -> String {
        if requirement.place == "Traps" { return String(requirement.key.dropFirst("trap-".count)) }
        return requirement.place == "Dialogues" ? "" : requirement.level.rawValue
    }

    /// Rows whose ids differ in a number alone are named once.
    private static func proof(_ requirement: Requirement, _ ids: [String]) -> String {
        var names: [String] = []
        for id in ids {
            let name = id.hasPrefix("“") ? id : "`" + id.replacing(#/-\d+$/#, with: "-*") + "`"
            if !names.contains(name) { names.append(name) }
        }
        if let without = requirement.without {
            return (["*not shown here:* " + without] + names).joined(separator: ", ")
        }
        return names.joined(separator: ", ")
    }

    private static func cell(_ text: String) -> String { text.replacing("|", with: "\\|") }

    private static func gaps(_ rows: [Row]) -> String {
        let gaps = KnownGaps.reasons.filter { gap in rows.contains { $0.id.hasPrefix(gap.rows) } }
        guard !gaps.isEmpty else { return "" }
        return "\n## Known gaps\n\n| rows | why |\n|---|---|\n"
            + gaps.map { "| `\($0.rows)…` | \(cell($0.why)) |\n" }.joined()
    }

    private static let suite = """

        ## The specification's own suite

        The suite of the specification's project (`conformance/` in its repository, a Go program) runs against the built
        server when `MOORING_OCI_CONFORMANCE` names its executable: `MOORING_OCI_CONFORMANCE=/path/to/conformance swift test
        --filter OfficialSuiteTests`, once for 1.1 and once for the development text.

        """

    private static func list(_ rows: [Row]) -> String {
        "\n## Rows\n\n| row | shows |\n|---|---|\n" + rows.map { "| `\($0.id)` | \(cell($0.says)) |\n" }.joined()
    }
}

/// The titles of the tests of traps, which begin with the trap's number.
enum TrapTitles {
    static func byNumber() throws -> [(Int, [String])] {
        var found: [Int: [String]] = [:]
        for file in SourceTree.files(below: "Tests/ConformanceTests/Traps", extensions: ["swift"]) {
            for match in try SourceTree.text(file).matches(of: #/@Test\(\s*"(\d+): ([^"]+)"/#) {
                if let number = Int(match.1) { found[number, default: []].append(String(match.2)) }
            }
        }
        return found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}
