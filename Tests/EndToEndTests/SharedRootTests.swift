import Foundation
import TestSupport
import Testing

/// Nobody gives these processes a common secret: they agree on one through the root.
@Suite("Several processes on one root")
struct SharedRootTests {
    /// Runs `body` with processes that were started at the same moment on one empty root.
    private func withProcesses(
        _ count: Int, logLevel: String = "info", _ body: ([Registry], TemporaryDirectory) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let processes = try await withThrowingTaskGroup { group in
                for _ in 0..<count { group.addTask { try await start(in: directory, logLevel: logLevel) } }
                return try await group.reduce(into: [Registry]()) { $0.append($1) }
            }
            do {
                try await body(processes, directory)
            } catch {
                for process in processes { print("---\n\(process.process.log.suffix(1500))") }
                for process in processes { await process.process.kill() }
                throw error
            }
            for process in processes { await process.process.terminate() }
        }
    }

    private func start(in directory: TemporaryDirectory, logLevel: String = "info") async throws -> Registry {
        var configuration = Configuration.filesystem(directory.path("root"))
        configuration.http = "http2: {disabled: false}"
        let port = try FreePort.take()
        let yaml = configuration.yaml(address: "127.0.0.1:\(port)")
            .replacingOccurrences(of: "level: info", with: "level: \(logLevel)")
        return try await Registry.start(try directory.write(yaml, to: "config-\(port).yml"), port: port)
    }

    @Test("An upload begun in one process goes on in a second and ends in a third", .timeLimit(.minutes(2)))
    func upload() async throws {
        try await withProcesses(3) { processes, _ in
            for round in 0..<3 {
                let order = (0..<3).map { processes[($0 + round) % 3] }
                let blob = try await Blob.random(3_000_000)
                let begun = try await order[0].connect().beginUpload(in: "app")
                let first = try await order[1].connect().request("PATCH", begun, body: blob.bytes.prefix(1_000_000))
                #expect(first.status == 202)
                #expect(first["Range"] == "0-999999")
                let location = pathAndQuery(try #require(first["Location"]))
                let status = try await order[0].connect().request("GET", location)
                #expect(status.status == 204 && status["Range"] == "0-999999")
                let second = try await order[2].connect().request(
                    "PATCH", location, headers: [("Content-Range", "1000000-1999999")],
                    body: Data(blob.bytes[1_000_000..<2_000_000]))
                #expect(second.status == 202)
                let last = adding(digest: blob.digest, to: pathAndQuery(try #require(second["Location"])))
                let put = try await order[0].connect().request("PUT", last, body: Data(blob.bytes[2_000_000...]))
                #expect(put.status == 201, "\(put.text)")
                for process in order {
                    let get = try await process.connect().request("GET", "/v2/app/blobs/\(blob.digest)")
                    #expect(get.status == 200 && get.body == blob.bytes)
                    // The session is over everywhere.
                    #expect(try await process.connect().request("GET", location).status == 404)
                }
            }
        }
    }

    @Test("An upload that is continued at two servers at once is a conflict for the second", .timeLimit(.minutes(1)))
    func conflict() async throws {
        try await withProcesses(2) { processes, directory in
            let blob = try await Blob.random(3_000_000)
            let begun = try await processes[0].connect().beginUpload(in: "app")
            let patch = try await processes[0].connect().request("PATCH", begun, body: blob.bytes.prefix(1_000_000))
            let location = pathAndQuery(try #require(patch["Location"]))
            let slow = try await processes[0].connect()
            try await slow.send("PATCH \(location) HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1500000\r\n\r\n")
            try await slow.send(blob.bytes.subdata(in: 1_000_000..<2_300_000))
            try await eventually("some of it is in the root") { try await size(of: directory.path("root")) > 1_500_000 }
            for process in processes {
                let second = try await process.connect().request("PATCH", location, body: Data("x".utf8))
                #expect(second.status == 409, "\(second.text)")
                #expect(second.text.contains("BLOB_UPLOAD_INVALID"))
                #expect(second["Retry-After"] != nil)
            }
            try await slow.send(blob.bytes.subdata(in: 2_300_000..<2_500_000))
            let end = try await slow.response()
            #expect(end.status == 202)
            // Now it is known where the upload goes on.
            let late = try await processes[1].connect().request("PATCH", location, body: Data("x".utf8))
            #expect(late.status == 416)
            #expect(late["Range"] == "0-2499999")
            let put = try await processes[1].connect().request(
                "PUT", adding(digest: blob.digest, to: pathAndQuery(try #require(late["Location"]))),
                body: blob.bytes.suffix(500_000))
            #expect(put.status == 201, "\(put.text)")
        }
    }

    @Test("A cancelled upload is gone in every process, with the folders that it made", .timeLimit(.minutes(1)))
    func cancelled() async throws {
        try await withProcesses(2) { processes, directory in
            let begun = try await processes[0].connect().beginUpload(in: "team/app")
            let patch = try await processes[0].connect().request("PATCH", begun, body: Data("some".utf8))
            let location = pathAndQuery(try #require(patch["Location"]))
            #expect(try await processes[1].connect().request("DELETE", location).status == 204)
            for process in processes {
                #expect(try await process.connect().request("GET", location).status == 404)
                #expect(try await process.connect().request("PATCH", location, body: Data("x".utf8)).status == 404)
            }
            let repositories = directory.path("root/docker/registry/v2/repositories")
            #expect(!FileManager.default.fileExists(atPath: repositories + "/team"))
        }
    }

    @Test("Uploads that are cancelled take no folder from those that go on", .timeLimit(.minutes(2)))
    func cancelledBesideOthers() async throws {
        try await withProcesses(2) { processes, _ in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<6 {
                    group.addTask {
                        let connection = try await processes[worker % 2].connect()
                        for round in 0..<40 {
                            let blob = try await Blob("\(worker) \(round)")
                            let name = "team/\(round / 10)"
                            let begun = try await connection.beginUpload(in: name)
                            let patch = try await connection.request("PATCH", begun, body: blob.bytes)
                            #expect(patch.status == 202, "\(patch.text)")
                            let location = pathAndQuery(try #require(patch["Location"]))
                            if worker % 3 > 0 {
                                #expect(try await connection.request("DELETE", location).status == 204)
                                continue
                            }
                            let target = adding(digest: blob.digest, to: location)
                            let put = try await connection.request("PUT", target, body: Data())
                            #expect(put.status == 201, "\(put.text)")
                            let get = try await connection.request("GET", "/v2/\(name)/blobs/\(blob.digest)")
                            #expect(get.body == blob.bytes)
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("Killed in the middle of an upload, a process is no loss: another goes on", .timeLimit(.minutes(2)))
    func killed() async throws {
        try await withProcesses(2) { processes, directory in
            let blob = try await Blob.random(24_000_000)
            let begun = try await processes[0].connect().beginUpload(in: "app")
            let first = try await processes[0].connect().request("PATCH", begun, body: blob.bytes.prefix(4_000_000))
            let location = pathAndQuery(try #require(first["Location"]))
            let dying = try await processes[0].connect()
            try await dying.send("PATCH \(location) HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000000\r\n\r\n")
            try await dying.send(Data(blob.bytes[4_000_000..<16_000_000]))
            try await eventually("some of it is in the root") {
                try await size(of: directory.path("root")) > 6_000_000
            }
            await processes[0].process.kill()

            // What was acknowledged is there, and perhaps more; the answer says how much.
            let status = try await processes[1].connect().request("GET", location)
            #expect(status.status == 204, "\(status.text)")
            let end = try #require(status["Range"]?.split(separator: "-").last.flatMap { Int($0) }) + 1
            #expect(end >= 4_000_000 && end <= 16_000_000)
            let patch = try await processes[1].connect().request(
                "PATCH", pathAndQuery(try #require(status["Location"])), body: Data(blob.bytes[end...]))
            #expect(patch.status == 202, "\(patch.text)")
            let put = try await processes[1].connect().request(
                "PUT", adding(digest: blob.digest, to: pathAndQuery(try #require(patch["Location"]))), body: Data())
            #expect(put.status == 201, "\(put.text)")
            let again = try await processes[0].restarted()
            #expect(try await again.curl("/v2/app/blobs/\(blob.digest)").body == blob.bytes)
            await again.process.terminate()
        }
    }

    @Test("What one process writes or removes, the others tell at once", .timeLimit(.minutes(3)))
    func atOnce() async throws {
        try await withProcesses(3) { processes, _ in
            let connections = try await [
                processes[0].connect(), processes[1].connect(), processes[2].connect(),
            ]
            var images: [ImageManifest] = []
            for number in 0..<12 {
                let (writer, remover) = (connections[number % 3], connections[(number + 1) % 3])
                let image = try await ImageManifest(layers: [Blob.random(1000)])
                try await writer.push(image, to: "app", tag: "moving")
                images.append(image)
                for connection in connections {
                    for reference in ["moving", image.manifest.digest] {
                        let get = try await connection.request("GET", "/v2/app/manifests/\(reference)")
                        #expect(get.status == 200 && get.body == image.manifest.bytes)
                        #expect(try await connection.request("HEAD", "/v2/app/manifests/\(reference)").status == 200)
                    }
                }
                guard number % 2 == 1 else { continue }
                let digest = image.manifest.digest
                #expect(try await remover.request("DELETE", "/v2/app/manifests/\(digest)").status == 202)
                #expect(try await remover.request("DELETE", "/v2/app/blobs/\(image.layers[0].digest)").status == 202)
                for connection in connections {
                    for path in [
                        "manifests/moving", "manifests/\(digest)", "blobs/\(image.layers[0].digest)",
                    ] {
                        #expect(try await connection.request("GET", "/v2/app/\(path)").status == 404, "\(path)")
                        #expect(try await connection.request("HEAD", "/v2/app/\(path)").status == 404, "\(path)")
                    }
                    let list = try await connection.request("GET", "/v2/app/tags/list")
                    #expect(list.json["tags"] as? [String] == [])
                }
            }
            // Those that were overwritten and not removed are still there by digest.
            for image in images.enumerated() where image.offset % 2 == 0 {
                let get = try await connections[0].request("GET", "/v2/app/manifests/\(image.element.manifest.digest)")
                #expect(get.body == image.element.manifest.bytes)
            }
        }
    }

    @Test("Listings of thousands of names tell at once what another process did", .timeLimit(.minutes(3)))
    func listings() async throws {
        try await withProcesses(2) { processes, directory in
            let image = try await ImageManifest(layers: [])
            try await processes[0].connect().push(image, to: "app", tag: "t")
            try await plant(1500, in: directory.path("root"))
            let (a, b) = (try await processes[0].connect(), try await processes[1].connect())
            for round in 0..<24 {
                // With and without a pause: so that the servers may have begun to remember names.
                if round % 3 == 0 { try await Task.sleep(for: .milliseconds(150)) }
                for connection in [a, b] {
                    #expect(try await names(connection, "/v2/app/tags/list?n=500", "tags").count == 500)
                    #expect(try await names(connection, "/v2/_catalog?n=500", "repositories").count == 500)
                }
                let (writer, reader) = round % 2 == 0 ? (a, b) : (b, a)
                let tag = "t\(5000 + round)"
                try await writer.push(image, to: "app", tag: tag)
                try await writer.push(image, to: "zz/new\(1000 + round)", tag: "t")
                try await writer.push(image, to: "zz\(1000 + round)", tag: "t")
                #expect(try await names(reader, "/v2/app/tags/list?n=5&last=t4999", "tags").contains(tag))
                #expect(try await names(reader, "/v2/app/tags/list", "tags").count == 1502)
                let last = try await names(reader, "/v2/_catalog?n=1000&last=zz", "repositories")
                #expect(last.contains("zz/new\(1000 + round)") && last.contains("zz\(1000 + round)"))
                #expect(try await writer.request("DELETE", "/v2/app/manifests/\(tag)").status == 202)
                #expect(try await !names(reader, "/v2/app/tags/list?n=5&last=t4999", "tags").contains(tag))
            }
        }
    }

    /// Many tags and repositories, as another program would have left them.
    private func plant(_ count: Int, in root: String) async throws {
        let script = """
            cd "$0"/docker/registry/v2/repositories && cp -a app/_manifests/tags/t ../t
            for i in $(seq 1000 \(999 + count)); do
                cp -a ../t app/_manifests/tags/t$i; mkdir -p r$i/_manifests/tags
            done
            rm -r ../t
            """
        try await Command.run("sh", ["-ec", script, root]).checked()
    }

    private func names(_ connection: RawConnection, _ path: String, _ key: String) async throws -> [String] {
        let response = try await connection.request("GET", path)
        #expect(response.status == 200, "\(response.text)")
        return try #require(response.json[key] as? [String])
    }

    @Test("Two processes take the same blob, manifest and tag at the same time", .timeLimit(.minutes(2)))
    func sameContent() async throws {
        try await withProcesses(2) { processes, directory in
            let image = try await ImageManifest(layers: [Blob.random(400_000), Blob.random(10)])
            try await withThrowingTaskGroup { group in
                for lane in 0..<8 {
                    group.addTask {
                        let connection = try await processes[lane % 2].connect()
                        for _ in 0..<5 { try await connection.push(image, to: "app", tag: "same") }
                    }
                }
                try await group.waitForAll()
            }
            for process in processes { try await expectServed(image, tag: "same", by: process) }
            try await expectWholeBlobs(in: directory.path("root"))
            let left = try await Command.run("find", [directory.path("root"), "-name", "*.tmp"]).checked().text
            #expect(left.isEmpty, "\(left)")
        }
    }

    @Test("The secret of a root is made once, outlives restarts and is never told", .timeLimit(.minutes(2)))
    func secret() async throws {
        try await withProcesses(1, logLevel: "debug") { processes, directory in
            let secret = String(decoding: try directory.read("root/mooring/secret"), as: UTF8.self)
            #expect(secret.utf8.count == 64)
            let attributes = try FileManager.default.attributesOfItem(atPath: directory.path("root/mooring/secret"))
            #expect(attributes[.posixPermissions] as? Int == 0o600)
            let begun = try await processes[0].connect().beginUpload(in: "app")
            let patch = try await processes[0].connect().request("PATCH", begun, body: Data("hello".utf8))
            let location = pathAndQuery(try #require(patch["Location"]))
            await processes[0].process.kill()
            let again = try await processes[0].restarted()
            let blob = try await Blob("hello")
            let put = try await again.connect().request("PUT", adding(digest: blob.digest, to: location), body: Data())
            #expect(put.status == 201, "\(put.text)")
            await again.process.terminate()
            #expect(String(decoding: try directory.read("root/mooring/secret"), as: UTF8.self) == secret)
            #expect(!again.process.log.contains(secret))
            #expect(!again.process.log.contains("http.secret is not set"))
        }
    }

    @Test("Where the root keeps no secret, the server has one of its own and says so", .timeLimit(.minutes(1)))
    func noSecret() async throws {
        try await withTemporaryDirectory { directory in
            try directory.write("no secret\n", to: "root/mooring/secret")
            let registry = try await start(in: directory)
            let line = try #require(
                registry.process.log.split(separator: "\n").first { $0.contains("http.secret is not set") })
            #expect(line.contains("level=warning"), "\(line)")
            #expect(line.contains("/mooring/secret holds no secret"))
            let blob = try await Blob("hello")
            try await registry.connect().push(blob, to: "app")
            #expect(try await registry.curl("/v2/app/blobs/\(blob.digest)").body == blob.bytes)
            await registry.process.terminate()
            #expect(String(decoding: try directory.read("root/mooring/secret"), as: UTF8.self) == "no secret\n")
        }
    }

    private func size(of path: String) async throws -> Int {
        let text = try await Command.run("du", ["-sb", path]).checked().text
        return Int(text.prefix { $0.isNumber }) ?? 0
    }
}
