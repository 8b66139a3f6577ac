import HTTPServer
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import RegistryHTTP

@Suite("Routing")
struct RoutingTests {
    @Test(
        "Paths are read from their end",
        arguments: [
            ("/", RegistryRoute.alive), ("/v2", .base), ("/v2/", .base), ("/v2/_catalog", .catalog),
            ("/v2/foo/tags/list", .tags(name: "foo")),
            ("/v2/foo/bar/manifests/latest", .manifest(name: "foo/bar", reference: "latest")),
            ("/v2/foo/bar/manifests/manifests/tags", .manifest(name: "foo/bar/manifests", reference: "tags")),
            ("/v2/foo/manifests/tags/list", .tags(name: "foo/manifests")),
            ("/v2/foo/tags/list/tags/list", .tags(name: "foo/tags/list")),
            ("/v2/foo/tags/list/manifests/list", .manifest(name: "foo/tags/list", reference: "list")),
            ("/v2/foo/blobs/uploads", .uploads(name: "foo")), ("/v2/foo/blobs/uploads/", .uploads(name: "foo")),
            ("/v2/foo/blobs/uploads/x", .upload(name: "foo", id: "x")),
            ("/v2/foo/blobs/uploads/blobs/uploads/", .uploads(name: "foo/blobs/uploads")),
            ("/v2/foo/blobs/uploads/blobs/uploads/x", .upload(name: "foo/blobs/uploads", id: "x")),
            ("/v2/foo/blobs/uploads/blobs/sha256:0", .blob(name: "foo/blobs/uploads", digest: "sha256:0")),
            ("/v2/foo/blobs/uploads/manifests/x", .manifest(name: "foo/blobs/uploads", reference: "x")),
            ("/v2/foo/blobs/uploads/tags/list", .tags(name: "foo/blobs/uploads")),
            ("/v2/foo/manifests/blobs/uploads/", .uploads(name: "foo/manifests")),
            ("/v2/foo/blobs/sha256:0", .blob(name: "foo", digest: "sha256:0")),
            ("/v2/v2/v2/manifests/v2", .manifest(name: "v2/v2", reference: "v2")),
            ("/v2/_catalog/tags/list", .tags(name: "_catalog")),
            ("/v2/foo/manifests/_manifests", .manifest(name: "foo", reference: "_manifests")),
            ("/v2/foo/referrers/sha256:0", .referrers(name: "foo", digest: "sha256:0")),
            ("/v2/foo/referrers/tags/list", .tags(name: "foo/referrers")),
            ("/v2/foo/referrers/manifests/v1", .manifest(name: "foo/referrers", reference: "v1")),
            ("/v2/foo/manifests/referrers/x", .referrers(name: "foo/manifests", digest: "x")),
            ("/v2/referrers/referrers/referrers/x", .referrers(name: "referrers/referrers", digest: "x")),
            ("/v2/foo/manifests/latest.", .manifest(name: "foo", reference: "latest.")),
        ])
    func table(path: String, route: RegistryRoute) {
        #expect(RegistryRoute(path: path) == route)
    }

    @Test(
        "What names nothing has no route",
        arguments: [
            "", "/v1/", "/v2x", "/v3/", "/v2/foo", "/v2/foo/", "/v2/tags/list", "/v2/manifests/x", "/v2/blobs/x",
            "/v2/blobs/uploads/", "/v2/foo/tags", "/v2/foo/tags/", "/v2/foo/tags/list/", "/v2/foo/manifests/",
            "/v2/foo/manifests", "/v2/foo/blobs/", "/v2/foo/blobs", "/v2/foo/blobs/uploads/x/", "/v2/foo/referrers/",
            "/v2/foo/referrers", "/v2/referrers/x",
            "/v2/_catalog/", "//v2/", "/V2/", "/v2/foo/blobs/x/y",
        ])
    func nothing(path: String) {
        #expect(RegistryRoute(path: path) == nil)
    }

    @Test("With a prefix only what lies below it is the API, and the probe of load balancers")
    func prefix() {
        #expect(RegistryRoute(path: "/r/v2/", prefix: "/r/") == .base)
        #expect(RegistryRoute(path: "/r/v2/a/tags/list", prefix: "/r/") == .tags(name: "a"))
        #expect(RegistryRoute(path: "/v2/", prefix: "/r/") == nil)
        #expect(RegistryRoute(path: "/r/x/v2/", prefix: "/r/") == nil)
        #expect(RegistryRoute(path: "/", prefix: "/r/") == .alive)
    }

    @Test(
        "Targets are decoded once",
        arguments: [
            ("/v2/a%2Fb/manifests/x", "/v2/a/b/manifests/x"), ("/v2/%61", "/v2/a"), ("/v2/a+b", "/v2/a+b"),
            ("/v2/%2561", "/v2/%61"), ("http://host:5000/v2/?n=1", "/v2/"), ("https://host/v2/a#x", "/v2/a"),
            ("/v2/%C3%A9", "/v2/é"), ("/v2/%E9", nil), ("/v2/%", nil), ("/v2/%4", nil), ("/v2/%zz", nil), ("", ""),
            ("*", "*"), ("http://host", ""),
        ])
    func targets(target: String, path: String?) {
        #expect(RequestTarget(target).path == path)
    }

    @Test("Parameters of a query are decoded, the first one counts, and broken ones are none")
    func queries() {
        let target = RequestTarget("/v2/?a=1&a=2&b=x%20y+z&c&d=&e=%zz&%66=6&g=a=b#h=1")
        #expect(target["a"] == "1")
        #expect(target.values(of: "a") == ["1", "2"])
        #expect(target["b"] == "x y z")
        #expect(target["c"] == "")
        #expect(target["d"] == "")
        #expect(target["e"] == nil)
        #expect(target["f"] == "6")
        #expect(target["g"] == "a=b")
        #expect(target["h"] == nil)
        #expect(RequestTarget("/v2/")["a"] == nil)
        #expect(RequestTarget.encoded("a/b c~é") == "a%2Fb%20c~%C3%A9")
    }

    @Test(
        "Other methods are 405 with those that are possible; OPTIONS lists them",
        arguments: [
            ("/v2/", "GET, HEAD, POST, PUT, PATCH, DELETE"), ("/v2/_catalog", "GET, HEAD"),
            ("/v2/a/tags/list", "GET, HEAD"),
            ("/v2/a/manifests/x", "GET, HEAD, PUT, DELETE"), ("/v2/a/blobs/x", "GET, HEAD, DELETE"),
            ("/v2/a/referrers/x", "GET, HEAD"),
            ("/v2/a/blobs/uploads/", "POST"), ("/v2/a/blobs/uploads/x", "GET, HEAD, PUT, PATCH, DELETE"),
        ])
    func methods(path: String, allowed: String) async throws {
        let api = API()
        let possible = allowed.split(separator: ", ").map(String.init)
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "get"] {
            guard !possible.contains(method) else { continue }
            let answer = try await api.send(HTTPMethod(rawValue: method), path)
            #expect(answer.status == 405, "\(method)")
            #expect(answer["Allow"] == allowed)
            if method != "HEAD" { #expect(answer.codes == ["UNSUPPORTED"]) }
        }
        let options = try await api.send(.OPTIONS, path)
        #expect(options.status == 200)
        #expect(options["Allow"] == allowed)
        #expect(options.body.readableBytes == 0)
    }

    @Test("An unknown path is 404 with an envelope, for any method")
    func unknownPath() async throws {
        for method: HTTPMethod in [.GET, .HEAD, .POST, .OPTIONS] {
            let answer = try await API().send(method, "/v2/foo/unheard-of/sha256:0")
            #expect(answer.status == 404)
            if method != .HEAD { #expect(answer.codes == ["UNSUPPORTED"]) }
        }
    }

    @Test("The base and the probe answer as clients and load balancers want")
    func base() async throws {
        let api = API(http: { $0.headers = [("X-Content-Type-Options", "nosniff")] })
        let base = try await api.send(.GET, "/v2/")
        #expect(base.status == 200)
        #expect(base.text == "{}")
        #expect(base["Content-Type"] == "application/json")
        #expect(base["X-Content-Type-Options"] == "nosniff")
        #expect(try await api.send(.GET, "/v2/nothing")["X-Content-Type-Options"] == "nosniff")
        let probe = try await api.send(.GET, "/")
        #expect(probe.status == 200)
        #expect(probe["Cache-Control"] == "no-cache")
        #expect(probe.body.readableBytes == 0)
        #expect(api.storage.calls.isEmpty)
    }
}
