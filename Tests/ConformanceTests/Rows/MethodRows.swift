/// Every route with every method.
enum MethodRows {
    private static let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    private static let image = Content.image()
    /// The route, its path, what each of ``methods`` gives, and which methods it has.
    private static let routes: [(key: String, path: String, statuses: [Int], allow: [String])] = [
        ("base", "/v2/", [200, 200, 200, 200, 200, 200], []),
        ("catalog", "/v2/_catalog", [200, 200, 405, 405, 405, 405], ["GET", "HEAD"]),
        ("tags", "/v2/{repo}/tags/list", [200, 200, 405, 405, 405, 405], ["GET", "HEAD"]),
        ("manifest", "/v2/{repo}/manifests/v1", [200, 200, 405, 201, 405, 202], ["GET", "HEAD", "PUT", "DELETE"]),
        (
            "blob", "/v2/{repo}/blobs/\(Content.layer.sha256)", [200, 200, 405, 405, 405, 202],
            ["GET", "HEAD", "DELETE"]
        ),
        ("uploads", "/v2/{repo}/blobs/uploads/", [405, 405, 202, 405, 405, 405], ["POST"]),
        (
            "upload", "{location}&digest=\(Content.empty.sha256)", [204, 204, 405, 201, 202, 204],
            ["GET", "HEAD", "PUT", "PATCH", "DELETE"]
        ),
        ("referrers", "/v2/{repo}/referrers/\(image.sha256)", [200, 200, 405, 405, 405, 405], ["GET", "HEAD"]),
    ]

    @RowsBuilder static var all: [Row] {
        for route in routes {
            for (method, status) in zip(methods, route.statuses) {
                row(route.key, route.path, method, status, route.allow)
            }
        }
        for method in ["TRACE", "PROPFIND"] {
            Row(
                "method.other.\(method)", "`\(method)` is no method of anything", ["route-methods"], reach: .http1,
                Request(method, "/v2/{repo}/manifests/v1").gives(405, [:], .error("UNSUPPORTED")))
        }
    }

    private static func row(_ key: String, _ path: String, _ method: String, _ status: Int, _ allow: [String]) -> Row {
        var request = Request(method, path)
        if key == "manifest", method == "PUT" {
            request = put(path, image)
        } else if method == "POST" || method == "PUT" || method == "PATCH" {
            request.body = .bytes(Content.empty.bytes)
        }
        let isRefusal = status == 405
        return Row(
            "method.\(key).\(method)", "\(method) on the route is \(status)", ["route-\(key)", "route-methods"],
            given: Given.image(image) + Given.session(),
            request.gives(
                status, isRefusal ? ["Allow": .list(allow)] : [:],
                isRefusal && method != "HEAD" ? .error("UNSUPPORTED") : .any))
    }
}
