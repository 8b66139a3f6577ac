import Foundation

/// A server that runs beside the tests, and no longer than they do.
public final class ServerProcess: Sendable {
    private let process: ChildProcess
    /// The file that holds everything the server wrote, to standard output and to standard error.
    public let logFile: String

    /// Starts a server; what it writes is appended to `logFile`.
    public init(
        _ executable: String, _ arguments: [String], environment: [String: String?] = [:], directory: String? = nil,
        logFile: String
    ) throws {
        self.logFile = logFile
        process = try ChildProcess(
            Launch(
                executable: executable, arguments: arguments, environment: environment, directory: directory,
                output: logFile, errors: logFile))
    }

    /// The process id, for signals that a test sends itself.
    public var identifier: Int32 { process.identifier }

    /// How the server ended, or `nil` while it runs.
    public var status: ExitStatus? { process.status }

    /// Everything the server has written so far.
    public var log: String {
        (try? Data(contentsOf: URL(fileURLWithPath: logFile))).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// Waits until `answers` holds; throws at once, with the log, when the server ends instead.
    public func ready(within timeout: Duration = .seconds(30), _ answers: () async -> Bool) async throws {
        do {
            try await eventually("the server answers", within: timeout) {
                if let status { throw DidNotHappen(description: "the server ended: \(status)") }
                return await answers()
            }
        } catch {
            await kill()
            throw DidNotHappen(description: "\(error)\n\(log.suffix(4000))")
        }
    }

    /// Waits until something accepts connections on a loopback port.
    public func ready(port: Int, within timeout: Duration = .seconds(30)) async throws {
        try await ready(within: timeout) { (try? await RawConnection.open(port: port)) != nil }
    }

    /// Sends a signal and returns.
    public func signal(_ signal: Int32) { process.signal(signal) }

    /// Asks the server to end (SIGTERM) and waits; kills it when `grace` has passed.
    @discardableResult
    public func terminate(grace: Duration = .seconds(15)) async -> ExitStatus? {
        process.signal(SIGTERM)
        if let status = await process.wait(within: grace) { return status }
        return await process.end()
    }

    /// Kills the server (SIGKILL) and waits for its end.
    @discardableResult
    public func kill() async -> ExitStatus? { await process.end() }

    /// Waits for the server to end by itself; `nil` when `timeout` has passed first.
    public func waitForEnd(within timeout: Duration) async -> ExitStatus? { await process.wait(within: timeout) }
}
