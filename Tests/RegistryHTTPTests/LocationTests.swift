import HTTPServer
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import RegistryHTTP

@Suite("Locations")
struct LocationTests {
    private func location(
        _ headers: [(String, String)], isSecure: Bool = false, http: (inout RegistryHTTPSettings) -> Void = { _ in },
        target: String = "/v2/a/b/blobs/uploads/"
    ) async throws -> String {
        let answer = try await API(http: http).send(.POST, target, headers, isSecure: isSecure)
        #expect(answer.status == 202)
        let location = try #require(answer["Location"])
        let parts = location.split(separator: "?")
        #expect(parts.count == 2 && parts[1].hasPrefix("_state="))
        let id = try #require(answer["Docker-Upload-UUID"])
        #expect(parts[0].hasSuffix(id))
        return String(parts[0].dropLast(id.utf8.count))
    }

    @Test(
        "Scheme and host are those that the client used",
        arguments: [
            ([], false, "http://registry.test"), ([], true, "https://registry.test"),
            ([("X-Forwarded-Proto", "https")], false, "https://registry.test"),
            ([("X-Forwarded-Proto", "HTTPS")], false, "https://registry.test"),
            ([("X-Forwarded-Proto", "http")], true, "http://registry.test"),
            ([("X-Forwarded-Proto", "https, http")], false, "https://registry.test"),
            ([("X-Forwarded-Proto", "javascript")], false, "http://registry.test"),
            ([("X-Forwarded-Host", "front.test:8443")], false, "http://front.test:8443"),
            ([("X-Forwarded-Host", " front.test , back.test")], false, "http://front.test"),
            ([("X-Forwarded-Port", "9999")], false, "http://registry.test"),
            ([("Forwarded", "proto=https;host=front.test")], false, "https://front.test"),
            (
                [("Forwarded", "for=1.2.3.4; PROTO=https; Host=\"front.test:1\", proto=http;host=x")], false,
                "https://front.test:1"
            ),
            (
                [("Forwarded", "host=front.test"), ("X-Forwarded-Host", "other.test"), ("X-Forwarded-Proto", "https")],
                false,
                "https://front.test"
            ),
            ([("Forwarded", "for=_hidden")], false, "http://registry.test"),
            ([("Forwarded", ";;=;host")], false, "http://registry.test"),
            ([("Forwarded", "host=\"")], false, "http://registry.test"),
            ([("X-Forwarded-Host", "[2001:db8::1]:5000")], false, "http://[2001:db8::1]:5000"),
        ] as [([(String, String)], Bool, String)])
    func origins(headers: [(String, String)], isSecure: Bool, origin: String) async throws {
        #expect(try await location(headers, isSecure: isSecure) == "\(origin)/v2/a/b/blobs/uploads/")
    }

    @Test(
        "A host that is none never gets into an answer",
        arguments: [
            "evil\r\nSet-Cookie: x", "evil/path", "evil?x", "evil#x", "user@evil", "evil\"", "<script>", "a b", "évil",
            String(repeating: "a", count: 300), "", "evil%00", "evil,x", "evil\\x",
        ])
    func hostileHosts(host: String) async throws {
        for name in ["X-Forwarded-Host", "Forwarded"] {
            let value = name == "Forwarded" ? "host=\"\(host)\"" : host
            let found = try await location([(name, value)])
            // A comma ends the first of several hosts.
            let expected = host.hasPrefix("evil,") && name != "Forwarded" ? "http://evil" : "http://registry.test"
            #expect(found == "\(expected)/v2/a/b/blobs/uploads/", "\(name): \(value)")
        }
        let response = await API().responder.respond(
            to: .init(method: .POST, target: "/v2/a/b/blobs/uploads/", headers: ["Host": host]))
        #expect(response.headers.first(name: "Location")?.hasPrefix("/v2/a/b/blobs/uploads/") == true)
    }

    @Test("The configured host wins, with its scheme, also where URLs are relative")
    func fixedHost() async throws {
        for isRelative in [false, true] {
            let found = try await location([("X-Forwarded-Host", "other.test")]) {
                $0.host = "https://fixed.test:8443"
                $0.relativeURLs = isRelative
            }
            #expect(found == "https://fixed.test:8443/v2/a/b/blobs/uploads/")
        }
    }

    @Test("Relative URLs are path and query")
    func relative() async throws {
        let found = try await location([("X-Forwarded-Host", "other.test")]) { $0.relativeURLs = true }
        #expect(found == "/v2/a/b/blobs/uploads/")
    }

    @Test("The prefix is kept, whatever the target's form")
    func prefix() async throws {
        for target in [
            "/r/v2/a/b/blobs/uploads/", "http://x/r/v2/a/b/blobs/uploads/", "/r/%76%32/a%2fb/blobs/uploads/",
        ] {
            let found = try await location([], http: { $0.prefix = "/r/" }, target: target)
            #expect(found == "http://registry.test/r/v2/a/b/blobs/uploads/", "\(target)")
        }
    }

    @Test("A repository called like the API has the right location")
    func nameLikeTheAPI() async throws {
        #expect(
            try await location([], target: "/v2/v2/v2/blobs/uploads/") == "http://registry.test/v2/v2/v2/blobs/uploads/"
        )
    }
}
