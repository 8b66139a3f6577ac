import Foundation

/// Runs a program and returns its exit status and output; nil after the time limit.
func run(_ arguments: [String], limit: TimeInterval = 30) async throws -> (status: Int32, output: String) {
    try await blocking {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let timer = DispatchSource.makeTimerSource()
        timer.schedule(deadline: .now() + limit)
        timer.setEventHandler { process.terminate() }
        timer.resume()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        timer.cancel()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }
}

/// A self-signed certificate for `localhost`.
struct Certificate {
    let directory: TemporaryDirectory
    var certificate: String { "\(directory.path)/certificate.pem" }
    var key: String { "\(directory.path)/key.pem" }

    init() async throws {
        directory = try TemporaryDirectory()
        let (status, output) = try await run([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", "\(directory.path)/key.pem", "-out", "\(directory.path)/certificate.pem", "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
        ])
        guard status == 0 else { throw Client.Failure(what: output) }
    }
}
