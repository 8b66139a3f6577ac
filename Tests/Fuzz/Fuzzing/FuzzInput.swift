/// What a run found wrong: a property that holds for every input, and didn't.
public struct Violation: Error, CustomStringConvertible {
    /// The property and what was seen instead.
    public let description: String

    init(_ description: String) { self.description = description }
}

/// Fails the run if a property doesn't hold.
func hold(_ condition: Bool, _ property: @autoclosure () -> String) throws {
    if !condition { throw Violation(property()) }
}

/// One input: a line that says what reads the rest, and the rest.
///
/// - `api …`: requests for the responder (`RequestScript`)
/// - `wire`: the bytes of a connection (`WireRun`)
/// - `yaml`: a configuration, and a variable in its first line (`TextRun`)
/// - `name`, `token`, `pattern`: what is parsed elsewhere (`TextRun`)
public enum FuzzInput {
    /// Runs one input.
    ///
    /// - Returns: the statuses of the answers, for those who count them
    /// - Throws: `Violation`
    @discardableResult
    public static func run(_ bytes: [UInt8]) async throws -> [Int] {
        let line = bytes.prefix { $0 != UInt8(ascii: "\n") }
        let rest = Array(bytes.dropFirst(line.count + 1))
        let words = String(decoding: line, as: UTF8.self).split(separator: " ")
        switch words.first {
        case "api": return try await APIRun(options: words.dropFirst()).run(RequestScript(rest))
        case "wire": return try await WireRun.shared.run(rest)
        case "yaml": try TextRun.configuration(rest)
        case "name": try TextRun.names(String(decoding: rest, as: UTF8.self))
        case "token": try TextRun.token(rest)
        case "pattern": try TextRun.pattern(String(decoding: rest, as: UTF8.self))
        default: break
        }
        return []
    }
}
