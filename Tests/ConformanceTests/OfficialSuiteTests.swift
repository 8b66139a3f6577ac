import Foundation
import TestSupport
import Testing

@Suite("The conformance suite of the specification", .serialized, .serving(.http1, [.standard]))
struct OfficialSuiteTests {
    private static let executable = ProcessInfo.processInfo.environment["MOORING_OCI_CONFORMANCE"]

    @Test(
        "It passes", .enabled(if: executable != nil, "MOORING_OCI_CONFORMANCE does not name the suite's executable"),
        .timeLimit(.minutes(5)), arguments: ["1.1", "dev"])
    func passes(version: String) async throws {
        let fleet = try #require(Fleet.current)
        let suite = try #require(Self.executable)
        let results = fleet.directory.path("results-" + version)
        let result = try await Command.run(
            suite,
            environment: [
                "OCI_VERSION": version, "OCI_REGISTRY": "127.0.0.1:\(try fleet.port(.standard))", "OCI_TLS": "disabled",
                "OCI_RESULTS_DIR": results, "OCI_REPO1": "suite/\(version)/one", "OCI_REPO2": "suite/\(version)/two",
            ], directory: fleet.directory.path, timeout: .seconds(240))
        #expect(result.isSuccess, "\(result)")
        #expect(FileManager.default.fileExists(atPath: results + "/results.yaml"))
    }
}
