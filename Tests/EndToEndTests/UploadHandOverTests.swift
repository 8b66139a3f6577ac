import Foundation
import TestSupport
import Testing

@Suite("Uploads in progress when the server changes")
struct UploadHandOverTests {
    private static let content = "0123456789"
    private static let digest = "sha256:84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"

    /// Sends bytes to an upload's location and gives the next one.
    private func patch(_ location: String, _ bytes: String, _ registry: Registry) async throws -> String {
        let answer = try await registry.curl(
            location, "-X", "PATCH", "-H", "Content-Type: application/octet-stream", "--data-binary", bytes)
        #expect(answer.status == 202, "\(String(decoding: answer.body, as: UTF8.self))")
        return try #require(answer["Location"])
    }

    private func begin(_ registry: Registry) async throws -> String {
        let answer = try await registry.curl("/v2/team/app/blobs/uploads/", "-X", "POST", "-d", "")
        #expect(answer.status == 202)
        return try #require(answer["Location"])
    }

    private func end(_ location: String, _ bytes: String, _ registry: Registry) async throws {
        let answer = try await registry.curl(
            "\(location)&digest=\(Self.digest)", "-X", "PUT", "-H", "Content-Type: application/octet-stream",
            "--data-binary", bytes)
        #expect(answer.status == 201, "\(String(decoding: answer.body, as: UTF8.self))")
        let blob = try await registry.curl("/v2/team/app/blobs/\(Self.digest)")
        #expect(String(decoding: blob.body, as: UTF8.self) == Self.content)
    }

    @Test(
        "Begun here, gone on with there, ended here: with Distribution in either place", .timeLimit(.minutes(5)),
        arguments: DistributionRootTests.Direction.allCases)
    func handOver(direction: DistributionRootTests.Direction) async throws {
        try await withTemporaryDirectory { directory in
            try await withRegistry(in: directory, server: direction.writer) { writer in
                var first = try await patch(try await begin(writer), "012", writer)
                var second = try await patch(try await begin(writer), "01", writer)
                await writer.process.terminate()

                let reader = try await writer.restarted(as: direction.reader)
                let status = try await reader.curl(first)
                #expect(status.status == 204)
                #expect(status["Range"] == "0-2")
                first = try await patch(first, "34", reader)
                first = try await patch(first, "567", reader)
                second = try await patch(second, "23", reader)
                try await end(second, "456789", reader)
                await reader.process.terminate()

                let back = try await writer.restarted(as: direction.writer)
                try await end(first, "89", back)
                await back.process.terminate()
                let left = try await Command.run(
                    "find", [directory.path("root"), "-path", "*/_uploads/*", "-type", "f"]
                ).checked().text
                #expect(left.isEmpty, "\(left)")
            }
        }
    }

    @Test("A killed process leaves uploads that the next one goes on with", .timeLimit(.minutes(5)))
    func killed() async throws {
        try await withRegistry { registry, directory in
            let first = try await patch(try await begin(registry), "01234", registry)
            let fresh = try await begin(registry)
            await registry.process.kill()
            let next = try await registry.restarted()
            // Without the token, as some clients cancel.
            let bare = String(first.prefix { $0 != "?" })
            #expect(try await next.curl(bare)["Range"] == "0-4")
            try await end(try await patch(first, "567", next), "89", next)
            try await end(fresh, Self.content, next)
            await next.process.terminate()
        }
    }
}
