import Foundation
import TestSupport
import Testing

@Suite("Referrers in roots shared with Distribution")
struct ReferrerHandOverTests {
    private let index = "application/vnd.oci.image.index.v1+json"

    private func put(
        _ registry: Registry, _ target: String, _ body: String, _ type: String = ImageManifest.mediaType
    ) async throws -> RawResponse {
        try await registry.curl(
            "/v2/app/manifests/\(target)", "-X", "PUT", "-H", "Content-Type: \(type)", "--data-binary", "@-",
            input: Data(body.utf8))
    }

    private func referrers(_ registry: Registry, _ digest: String) async throws -> [String] {
        let answer = try await registry.curl("/v2/app/referrers/\(digest)")
        #expect(answer.status == 200)
        #expect(answer["Content-Type"] == index)
        let list = answer.json["manifests"] as? [[String: Any]] ?? []
        return list.compactMap { $0["digest"] as? String }
    }

    private func signature(of image: ImageManifest, note: String) async throws -> Blob {
        let subject = #"{"mediaType":"\#(ImageManifest.mediaType)","digest":"\#(image.manifest.digest)","size":1}"#
        let text = String(decoding: image.manifest.bytes, as: UTF8.self).dropLast()
        return try await Blob(
            #"\#(text),"artifactType":"test/signature","annotations":{"note":"\#(note)"},"subject":\#(subject)}"#)
    }

    @Test(
        "Signatures that were pushed through Distribution are listed, and stay; it serves what was pushed by SHA-512",
        .timeLimit(.minutes(5)))
    func handOver() async throws {
        try await withTemporaryDirectory { directory in
            try await withRegistry(in: directory, server: DistributionRootTests.distribution) { old in
                let image = try await ImageManifest(layers: [try await Blob("layer")])
                let (one, two) = (
                    try await signature(of: image, note: "1"), try await signature(of: image, note: "2")
                )
                let connection = try await old.connect()
                try await connection.push(image, to: "app", tag: "v1")
                connection.close()
                // As a client does where a registry has no list: the signature, and an index under the referrers tag.
                #expect(try await put(old, one.digest, String(decoding: one.bytes, as: UTF8.self)).status == 201)
                let child =
                    #"{"mediaType":"\#(ImageManifest.mediaType)","digest":"\#(one.digest)","size":\#(one.bytes.count)}"#
                let tag = image.manifest.digest.replacingOccurrences(of: ":", with: "-")
                let list = #"{"schemaVersion":2,"mediaType":"\#(index)","manifests":[\#(child)]}"#
                #expect(try await put(old, tag, list, index).status == 201)
                await old.process.terminate()

                let new = try await old.restarted(as: BuildProducts.server)
                #expect(try await referrers(new, image.manifest.digest) == [one.digest])
                let long = try await Command.run("sha512sum", ["-"], input: two.bytes).checked().text.prefix(128)
                let pushed = try await put(
                    new, "sha512:\(long)?tag=signed&tag=signed-2", String(decoding: two.bytes, as: UTF8.self))
                #expect(pushed.status == 201)
                #expect(pushed["OCI-Subject"] == image.manifest.digest)
                #expect(pushed["OCI-Tag"] == "signed, signed-2")
                let expected = Set([one.digest, "sha512:\(long)"])
                #expect(try await Set(referrers(new, image.manifest.digest)) == expected)
                await new.process.terminate()

                let back = try await new.restarted(as: DistributionRootTests.distribution)
                for reference in ["signed", "signed-2", two.digest] {
                    let answer = try await back.curl(
                        "/v2/app/manifests/\(reference)", "-H", "Accept: \(ImageManifest.mediaType)")
                    #expect(answer.status == 200)
                    #expect(answer.body == two.bytes)
                    #expect(answer["Docker-Content-Digest"] == two.digest)
                }
                let tags = try await back.curl("/v2/app/tags/list").json["tags"] as? [String]
                #expect(tags?.sorted() == [tag, "signed", "signed-2", "v1"].sorted())
                await back.process.terminate()

                let again = try await back.restarted(as: BuildProducts.server)
                #expect(try await Set(referrers(again, image.manifest.digest)) == expected)
                await again.process.terminate()
            }
        }
    }
}
