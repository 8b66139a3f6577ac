import Foundation
import TestSupport
import Testing

@Suite("Sizes and words of the sources")
struct SourceTests {
    static let code: Set<String> = ["swift", "c", "h", "py", "sh"]
    static let sources = ["Sources", "Plugins", "Tests", "scripts"].flatMap {
        SourceTree.files(below: $0, extensions: code)
    }

    /// Files that are longer for a reason.
    static let longFiles = [
        "Sources/PluginABI/include/mooring/plugin.h": "a plugin author needs one header, most of which is comment"
    ]

    @Test("No file is longer than 500 lines")
    func fileLengths() throws {
        #expect(!Self.sources.isEmpty)
        for file in Self.sources where Self.longFiles[file] == nil {
            let count = try lines(of: file).count - 1
            #expect(count <= 500, "\(file) has \(count) lines")
        }
    }

    @Test("No function of the host or of a plugin is longer than 50 lines")
    func functionLengths() throws {
        let files = ["Sources", "Plugins"].flatMap { SourceTree.files(below: $0, extensions: ["swift"]) }
        var seen = 0
        for file in files {
            for function in functions(in: try lines(of: file)) {
                seen += 1
                #expect(function.length <= 50, "\(file):\(function.line) is \(function.length) lines long")
            }
        }
        for file in ["Sources", "Plugins"].flatMap({ SourceTree.files(below: $0, extensions: ["c"]) }) {
            // The formatter puts functions, and nothing else that ends so, between these two lines.
            var opening: Int?
            for (number, line) in try lines(of: file).enumerated() {
                if line.hasSuffix(") {"), line.first?.isWhitespace == false { opening = number }
                guard line == "}", let start = opening else { continue }
                seen += 1
                #expect(number - start - 1 <= 50, "\(file):\(start + 1) is \(number - start - 1) lines long")
                opening = nil
            }
        }
        // Fewer would mean that the search below no longer fits how the code is laid out.
        #expect(seen > files.count)
    }

    @Test("The README is a page of at most 120 lines")
    func readme() throws {
        #expect(try lines(of: "README.md").count - 1 <= 120)
    }

    /// Words that have no place in the tree, in two parts so that this file passes.
    static let forbidden: [(word: String, reason: String)] = [
        ("TO" + "DO", "unfinished work belongs in the tracker"),
        ("FIX" + "ME", "unfinished work belongs in the tracker"),
        ("/wo" + "rk/", "a path of somebody's machine"),
        ("bash_" + "jobs", "a path of somebody's machine"),
        ("BEGIN RSA PRI" + "VATE KEY", "a key"),
        ("BEGIN PRI" + "VATE KEY", "a key"),
        ("<<<<" + "<<<", "a conflict left unresolved"),
    ]

    @Test("No file holds a word that has no place in it")
    func words() throws {
        let prose: Set<String> = ["md", "yml", "yaml", "json", "map", "modulemap"]
        let more = ["Sources", "Plugins", "Tests", "docs"].flatMap { SourceTree.files(below: $0, extensions: prose) }
        let top = ["Package.swift", "Makefile", ".ci/run", "README.md", "CONTRIBUTING.md", "CHANGELOG.md"]
        for file in Self.sources + more + top.filter(exists) {
            let text = try SourceTree.text(file)
            for (word, reason) in Self.forbidden { #expect(!text.contains(word), "\(file) says \(word): \(reason)") }
        }
    }
}

private func exists(_ file: String) -> Bool { FileManager.default.fileExists(atPath: SourceTree.path(file)) }

/// Where functions begin and how long they are. The formatter puts a body's closing brace at the indentation of its
/// declaration, which is all that this needs to know of Swift.
private func functions(in lines: [String]) -> [(line: Int, length: Int)] {
    var found: [(line: Int, length: Int)] = []
    for (number, line) in lines.enumerated() {
        let code = line.drop { $0 == " " }
        guard code.range(of: #"^([a-z@()]+ )*(func |init[?(<]|deinit )"#, options: .regularExpression) != nil else {
            continue
        }
        let indentation = line.prefix { $0 == " " }
        // The signature goes on until a line ends with the brace; anything else at this indentation means no body.
        guard
            let opening = lines[number...].firstIndex(where: { $0.hasSuffix("{") || $0.hasSuffix("}") || $0.isEmpty }),
            lines[opening].hasSuffix("{"),
            let end = lines[(opening + 1)...].firstIndex(of: indentation + "}")
        else { continue }
        found.append((line: number + 1, length: end - opening - 1))
    }
    return found
}
