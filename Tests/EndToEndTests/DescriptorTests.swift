import Foundation
import TestSupport
import Testing

@Suite("The limit of open files", .enabled(if: BuildProducts.serverIsOurs, "another server does as it likes"))
struct DescriptorTests {
    /// Starts the server with limits that the shell sets.
    private func withServer(
        _ limits: String, _ body: (ServerProcess, _ port: Int) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let port = try FreePort.take()
            let yaml = Configuration.filesystem(directory.path("root")).yaml(address: "127.0.0.1:\(port)")
            let file = try directory.write(yaml, to: "config.yml")
            let server = try ServerProcess(
                "/bin/sh", ["-c", "\(limits); exec \"$0\" serve \"$1\"", BuildProducts.server, file],
                logFile: directory.path("log"))
            try await server.ready(port: port)
            try await body(server, port)
            #expect(await server.terminate()?.isSuccess == true)
        }
    }

    @Test("The soft limit is raised to the hard one", .timeLimit(.minutes(1)))
    func raised() async throws {
        try await withServer("ulimit -Sn 200; ulimit -Hn 900") { server, _ in
            let limits = try String(contentsOfFile: "/proc/\(server.identifier)/limits", encoding: .utf8)
            let line = limits.split(separator: "\n").first { $0.hasPrefix("Max open files") }
            #expect(line?.split(separator: " ").dropFirst(3).prefix(2) == ["900", "900"])
            #expect(server.log.contains("the limit of open files is too low for http.limits.connections"))
        }
    }

    /// Processor time of a process so far, in ticks of 10 ms.
    private func ticks(of process: Int32) throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
        return fields[12...13].reduce(0) { $0 + (Int($1) ?? 0) }
    }

    @Test("Out of descriptors, the server rests, says so once, and recovers", .timeLimit(.minutes(3)))
    func exhausted() async throws {
        try await withServer("ulimit -n 100") { server, port in
            var connections: [RawConnection] = []
            for _ in 0..<150 { connections.append(try await RawConnection.open(port: port)) }
            try await eventually("the log tells") { server.log.contains("new connections wait: too many open files") }
            let before = try ticks(of: server.identifier)
            try await Task.sleep(for: .seconds(1))
            #expect(try ticks(of: server.identifier) - before < 50)
            #expect(server.log.components(separatedBy: "new connections wait").count == 2)
            for connection in connections { connection.close() }
            let next = try await RawConnection.open(port: port)
            #expect(try await next.request("GET", "/v2/").status == 200)
        }
    }
}
