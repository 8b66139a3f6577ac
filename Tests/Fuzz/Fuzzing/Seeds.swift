import Foundation
import TestSupport

/// The inputs that are kept: one of each kind of request, and everything that a fuzzer found.
public enum Seeds {
    /// The directory in the tree.
    public static let directory = SourceTree.path("Tests/Fuzz/Seeds")

    /// All of them, by name.
    public static func all() throws -> [(name: String, bytes: [UInt8])] {
        try FileManager.default.contentsOfDirectory(atPath: directory).sorted().map { name in
            (name, Array(try Data(contentsOf: URL(fileURLWithPath: "\(directory)/\(name)"))))
        }
    }
}
