public import Foundation

/// What a command did.
public struct CommandResult: Sendable, CustomStringConvertible {
    /// The command line, for messages.
    public let command: String
    /// How it ended; `nil` when it was killed because its time was over.
    public let status: ExitStatus?
    /// Its standard output.
    public let output: Data
    /// Its standard error.
    public let errors: Data

    /// Standard output as text, without the white space around it.
    public var text: String { String(decoding: output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines) }
    /// Standard error as text, without the white space around it.
    public var errorText: String {
        String(decoding: errors, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
    /// Whether it ended in time with exit code 0.
    public var isSuccess: Bool { status?.isSuccess ?? false }

    /// The command, its end, and the last part of what it wrote.
    public var description: String {
        let end = status.map(\.description) ?? "killed: took too long"
        return "\(command)\n  \(end)\n  stdout: \(text.suffix(2000))\n  stderr: \(errorText.suffix(4000))"
    }

    /// This result, or an error that shows it when the command failed.
    @discardableResult
    public func checked() throws -> CommandResult {
        guard isSuccess else { throw CommandFailure(result: self) }
        return self
    }

    /// Standard output as a JSON object.
    public func json() throws -> [String: Any] {
        try JSONSerialization.jsonObject(with: output) as? [String: Any] ?? [:]
    }
}

/// A command that had to succeed and did not.
public struct CommandFailure: Error, CustomStringConvertible {
    /// What it did.
    public let result: CommandResult
    /// The command, its end and its output.
    public var description: String { result.description }
}

/// Programs run to their end.
public enum Command {
    /// Runs a program found on `PATH`, or at a path, and captures what it writes.
    ///
    /// It never throws because of the program's exit code: ask the result, or call ``CommandResult/checked()``. When
    /// `timeout` passes, the program and whatever it started are killed.
    public static func run(
        _ executable: String,
        _ arguments: [String] = [],
        environment: [String: String?] = [:],
        directory: String? = nil,
        input: Data? = nil,
        timeout: Duration = .seconds(120)
    ) async throws -> CommandResult {
        try await withTemporaryDirectory { scratch in
            var launch = Launch(
                executable: executable, arguments: arguments, environment: environment, directory: directory,
                output: scratch.path("stdout"), errors: scratch.path("stderr"))
            if let input { launch.input = try scratch.write(input, to: "stdin") }
            let process = try ChildProcess(launch)
            let status = await process.wait(within: timeout)
            if status == nil { await process.end() }
            return CommandResult(
                command: ([executable] + arguments).joined(separator: " "), status: status,
                output: try scratch.read("stdout"), errors: try scratch.read("stderr"))
        }
    }

    /// Whether a program of this name is on `PATH`.
    public static func exists(_ name: String) -> Bool {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
            FileManager.default.isExecutableFile(atPath: "\($0)/\(name)")
        }
    }
}
