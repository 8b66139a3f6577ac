import Foundation
import TestSupport
import Testing

/// Clients from PyPI, in an environment of their own that the first of the tests installs.
///
/// Nothing else needs the package index, so without it these tests are skipped.
@Suite(
    "Artifacts by clients from PyPI", .serialized,
    .enabled("oras and python-dxf could not be installed from PyPI") { await PythonClients.shared.python != nil })
struct PythonClientsTests {
    private func run(_ script: String, _ registry: Registry, in directory: TemporaryDirectory) async throws -> [String]
    {
        let python = try #require(await PythonClients.shared.python)
        try directory.write("content of the artifact", to: "artifact.txt")
        let file = try directory.write(script, to: "script.py")
        let result = try await Command.run(python, [file, registry.host], directory: directory.path).checked()
        return result.text.split(separator: "\n").map(String.init)
    }

    @Test("oras pushes, pulls, attaches, lists and deletes artifacts", .timeLimit(.minutes(4)))
    func oras() async throws {
        try await withRegistry { registry, directory in
            let script = """
                import sys, oras.client
                host = sys.argv[1]
                client = oras.client.OrasClient(hostname=host, insecure=True)
                target = host + "/oras/artifact"
                print(client.push(target=target + ":v1", files=["artifact.txt"], quiet=True).status_code)
                print(client.push(target=target + ":v2", files=["artifact.txt"], do_chunked=True, chunk_size=7).status_code)
                files = client.pull(target=target + ":v2", outdir="pulled")
                print(open(files[0]).read())
                print(client.get_manifest(target + ":v1")["layers"][0]["size"])
                print(client.get_tags(target))
                print(client.delete_tags(target, ["v1"]))
                """
            let lines = try await run(script, registry, in: directory)
            #expect(lines.contains("content of the artifact"), "\(lines)")
            #expect(lines.filter { $0 == "201" }.count == 2, "\(lines)")
            #expect(lines.contains("23") && lines.contains("['v1', 'v2']") && lines.last == "['v1']", "\(lines)")
            #expect(try await registry.curl("/v2/oras/artifact/manifests/v1").status == 404)
        }
    }

    @Test("python-dxf keeps blobs under names", .timeLimit(.minutes(4)))
    func dxf() async throws {
        try await withRegistry { registry, directory in
            let script = """
                import sys
                from dxf import DXF
                dxf = DXF(sys.argv[1], "dxf/blobs", insecure=True)
                digest = dxf.push_blob("artifact.txt")
                dxf.set_alias("name", digest)
                print(dxf.blob_size(digest))
                print(b"".join(dxf.pull_blob(dxf.get_alias("name")[0])).decode())
                print(dxf.list_aliases())
                other = DXF(sys.argv[1], "dxf/other", insecure=True)
                print(other.mount_blob("dxf/blobs", digest) == digest)
                dxf.del_alias("name")
                dxf.del_blob(digest)
                """
            let lines = try await run(script, registry, in: directory)
            #expect(lines == ["23", "content of the artifact", "['name']", "True"])
            let digest = try await sha256(of: Data("content of the artifact".utf8))
            #expect(try await registry.curl("/v2/dxf/blobs/blobs/\(digest)").status == 404)
            #expect(try await registry.curl("/v2/dxf/other/blobs/\(digest)").status == 200)
        }
    }
}

/// The environment, made once for all tests of a run, and kept between runs below the temporary directory.
private actor PythonClients {
    static let shared = PythonClients()
    private static let packages = ["oras==0.2.43", "python-dxf==12.1.1"]
    private var installed: Task<String?, Never>?

    /// The interpreter that has the clients; nil where they cannot be had.
    var python: String? {
        get async {
            let task = installed ?? Task { await Self.install() }
            installed = task
            return await task.value
        }
    }

    private static func install() async -> String? {
        let directory = NSTemporaryDirectory() + "/mooring-python-clients"
        let python = directory + "/bin/python"
        if await imports(python) { return python }
        _ = try? await Command.run("python3", ["-m", "venv", directory], timeout: .seconds(60))
        let arguments = [
            "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "0", "--timeout", "10",
        ]
        _ = try? await Command.run(python, arguments + packages, timeout: .seconds(120))
        return await imports(python) ? python : nil
    }

    private static func imports(_ python: String) async -> Bool {
        guard FileManager.default.isExecutableFile(atPath: python) else { return false }
        return (try? await Command.run(python, ["-c", "import oras.client, dxf"]))?.isSuccess ?? false
    }
}
