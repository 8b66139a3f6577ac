import HTTPServer
import NIOCore
import NIOHTTP1
import RegistryCore
import RegistryModel
import RegistryStorage
import TestSupport
import Testing

@testable import RegistryHTTP

@Suite("Requests of any kind")
struct FuzzTests {
    /// SplitMix64: the same requests each time.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var value = state
            value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
            return value ^ value >> 31
        }
    }

    /// Makes requests out of parts that mean something, parts that nearly do, and noise.
    private struct Requests {
        var random: Generator
        /// Locations of sessions and references that answers have given.
        var known: [String] = []

        private static let methods: [HTTPMethod] = [
            .GET, .HEAD, .PUT, .POST, .PATCH, .DELETE, .OPTIONS, .RAW(value: "BREW"), .RAW(value: ""),
        ]
        private static let names = [
            "a", "a/b", "library/busybox", "v2", "manifests", "blobs/uploads", "tags/list", "A", "a//b", "..", "a/../b",
            "", "%61", "a%2Fb", "%00", "%", String(repeating: "a/", count: 200), "_catalog", "a.\(hex).tmp", "é",
        ]
        private static let hex = "0123456789abcdef0123456789abcdef"
        private static let digests = [
            digest(of: "{}"), digest(of: "layer"), digest(of: Documents.image()), digest(of: "layer", .sha512),
            digest(of: "x", .sha384), "sha256:", "sha256:xyz", "md5:0", ":", "", "sha256:\(hex)\(hex)", "%3A", "a:b:c",
        ]
        private static let tags = [
            "latest", "v1", "LATEST", "_", ".", "..", "a.\(hex).tmp", String(repeating: "t", count: 129), "a b", "%20",
        ]
        private static let numbers = [
            "0", "1", "2", "-1", "", "x", "1000", "1001", "18446744073709551615", "18446744073709551616",
            "9223372036854775807", "-9223372036854775808", "+1", " 1", "1e3", "0-0", "0-1", "5-2",
        ]
        private static let texts =
            names + digests + tags + numbers + [
                "\u{0}", "\u{7f}", "\"", "\\", "<>", "{}", "[]", String(repeating: "x", count: 3000), "😀", ",;=&?#",
            ]
        private static let types =
            [
                MediaType.ociManifest, .ociIndex, .dockerManifest, .dockerManifestList, .schema1Signed, .octetStream,
            ].map(\.rawValue)
        private static let headers = [
            "Accept", "Range", "Content-Range", "Content-Type", "If-None-Match", "If-Range", "Forwarded",
            "X-Forwarded-Host", "X-Forwarded-Proto", "User-Agent", "X",
        ]

        mutating func pick(_ list: [String]) -> String { list.randomElement(using: &random) ?? "" }
        mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

        mutating func target() -> String {
            if chance(25), !known.isEmpty { return pick(known) + (chance(50) ? "&digest=\(pick(Self.digests))" : "") }
            let name = pick(chance(70) ? Array(Self.names.prefix(6)) : Self.names)
            let paths = [
                "/v2/\(name)/manifests/\(pick(chance(50) ? Self.tags : Self.digests))",
                "/v2/\(name)/blobs/\(pick(Self.digests))", "/v2/\(name)/blobs/uploads/",
                "/v2/\(name)/blobs/uploads/\(pick(Self.texts))", "/v2/\(name)/tags/list", "/v2/_catalog", "/v2/", "/",
                "/v2/\(pick(Self.texts))", pick(Self.texts), "http://\(pick(Self.texts))/v2/\(name)/tags/list",
            ]
            return pick(paths) + query()
        }

        /// A request that brings a body by its right name.
        mutating func push(of body: String) -> (HTTPMethod, String) {
            let digest = digest(of: body, chance(80) ? .sha256 : .sha512)
            if chance(30) { return (.PUT, "/v2/a/manifests/\(digest)") }
            if chance(30), !known.isEmpty { return (.PUT, "\(pick(known))&digest=\(digest)") }
            return (.POST, "/v2/a/blobs/uploads/?digest=\(digest)")
        }

        private mutating func query() -> String {
            guard chance(50) else { return "" }
            let keys = ["n", "last", "digest", "mount", "from", "_state", "x"]
            let pairs = (0..<Int.random(in: 0...3, using: &random)).map { _ in
                "\(pick(keys))=\(pick(chance(50) ? Self.digests + Self.names : Self.texts))"
            }
            return "?" + pairs.joined(separator: "&")
        }

        mutating func fields() -> [(String, String)] {
            (0..<Int.random(in: 0...3, using: &random)).map { _ in
                let name = pick(Self.headers)
                if name == "Content-Type" || name == "Accept" {
                    return (name, pick(chance(80) ? Self.types : Self.texts))
                }
                if name == "Range", chance(80) { return (name, "bytes=\(pick(Self.numbers))-\(pick(Self.numbers))") }
                return (name, pick(Self.texts))
            }
        }

        mutating func body() -> String {
            switch Int.random(in: 0..<8, using: &random) {
            case 0: Documents.image(type: .dockerManifest)
            case 1: Documents.image()
            case 2: Documents.list(.ociIndex, [(Documents.image(), .ociManifest, "linux/amd64")])
            case 3: "layer"
            case 4: "{}"
            case 5: pick(Self.texts)
            case 6: String(Documents.image().prefix(Int.random(in: 0..<200, using: &random)))
            default: ""
            }
        }

        mutating func method() -> HTTPMethod { Self.methods.randomElement(using: &random) ?? .GET }
    }

    @Test("No request is answered with 5xx, and every error has its envelope", arguments: UInt64(1)...8)
    func statuses(seed: UInt64) async throws {
        let api = API(http: { $0.uploadLimit = 5000 }) {
            $0.readOnly = seed == 8
            $0.deleteEnabled = seed % 2 == 0
        }
        var requests = Requests(random: Generator(state: seed))
        if seed != 8 { try await api.pushImage(to: "a", tag: "latest") }
        var seen: Set<Int> = []
        for _ in 0..<4000 {
            let (fields, body) = (requests.fields(), requests.body())
            let (method, target) =
                requests.chance(10) ? requests.push(of: body) : (requests.method(), requests.target())
            // The checks of every answer are in `send`.
            let answer = try await api.send(method, target, fields, body: body)
            #expect(answer.status < 500, "\(method) \(target) \(fields) \(body.prefix(100)): \(answer.text)")
            seen.insert(answer.status)
            if answer["Docker-Upload-UUID"] != nil, answer["Location"] != nil {
                requests.known = requests.known.suffix(20) + [try answer.location()]
            }
        }
        #expect(seen.isSuperset(of: [200, 400, 404, 405]))
        if seed != 8 { #expect(seen.isSuperset(of: [201, 202, 204, 416])) }
        #expect(api.storage.violations.isEmpty, "\(api.storage.violations.prefix(3))")
        try checkContent(api.storage)
    }

    /// Whatever was sent, what is stored is what its name says.
    private func checkContent(_ storage: TestStorage) throws {
        for (path, bytes) in storage.objects where path.contains("/v2/blobs/") {
            let hex = path.split(separator: "/")[6]
            #expect(digest(of: String(buffer: bytes)) == "sha256:\(hex)")
        }
        for path in storage.objects.keys where path.hasSuffix("/current/link") {
            let target = try Digest(String(buffer: try #require(storage.objects[path])))
            #expect(storage.objects[RegistryLayout.blobData(target).string] != nil)
        }
    }
}
