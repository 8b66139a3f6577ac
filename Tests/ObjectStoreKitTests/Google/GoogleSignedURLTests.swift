import Testing

@testable import ObjectStoreKit

/// The vectors of Google's conformance tests for V4 signatures. Each gives the SHA-256 of the canonical request, which is
/// the last line of the text to be signed.
@Suite("Signed URLs of Cloud Storage")
struct GoogleSignedURLTests {
    struct Vector: Sendable, CustomTestStringConvertible {
        var name: String
        var method = "GET"
        var host = "storage.googleapis.com"
        var path = "/test-bucket/test-object"
        var headers: [(name: String, value: String)] = []
        var query: [QueryItem] = []
        var issued = "2019-02-01T09:00:00Z"
        var lifetime: Int64 = 10
        let hash: String

        var testDescription: String { name }
    }

    static let vectors = [
        Vector(name: "GET", hash: "00e2fb794ea93d7adb703edaebdd509821fcc7d4f1a79ac5c8d2b394df109320"),
        Vector(name: "PUT", method: "PUT", hash: "78742860705da91404222d5d66ff89850292471199c3c2808d116ad12e6177b4"),
        Vector(
            name: "POST with a header", method: "POST", headers: [("X-Goog-Resumable", "start")],
            hash: "877f8b40179d2753296f2fd6de815ab40503c7a3c446a7b44aa4e74422ff4daf"),
        Vector(
            name: "another time", issued: "2019-03-01T09:00:00Z", lifetime: 20,
            hash: "779f19fdb6fd381390e2d5af04947cf21750277ee3c20e0c97b7e46a1dff8907"),
        Vector(
            name: "another object", path: "/test-bucket2/test-object2",
            hash: "a139afbf35ac30e9864f63197f79609731ab1b0ca166e2a456dba156fcd3f9ce"),
        Vector(
            name: "slashes in the key",
            path: "/test-bucket/" + PercentEncoding.path("path/with/slashes/under_score/amper&sand/file.ext"),
            headers: [("header/name/with/slash", "should-be-encoded")],
            hash: "f1d206dd8cbe1b892d4081ccddae0927d9f5fee5653fb2a2f43e7c20ed455cad"),
        Vector(
            name: "a slash before the key",
            path: "/test-bucket/" + PercentEncoding.path("/path/with/slashes/under_score/amper&sand/file.ext"),
            hash: "63c601ecd6ccfec84f1113fc906609cbdf7651395f4300cecd96ddd2c35164f8"),
        Vector(
            name: "headers", headers: [("BAR", "BAR-value"), ("foo", "foo-value")],
            hash: "59c1ac1a6ee7d773d5c4487ecc861d60b71c4871dd18fc7d8485fac09df1d296"),
        Vector(
            name: "headers with colons", headers: [("BAR", "2023-02-10T03:"), ("foo", "2023-02-10T02:00:00Z")],
            hash: "a2a6df7e6bd818894e1f60ac3c393901b512ca1cf1061ba602dace3fb38c19a6"),
        Vector(
            name: "headers with white space",
            headers: [
                ("collapsed", "abc    def"), ("leading", "    xyz"), ("trailing", "abc    "),
                ("tabs", "\tabc\t\t\t\tdef\t"),
            ], hash: "19153e83555808dbfeb8969043cc8ce8d5db0cce91dc11fb9df58b8130f09d42"),
        Vector(
            name: "a header of several values", headers: [("multiple", " xyz ,  abc, def  , xyz   ")],
            hash: "4df8e486146c31f1c8cd4e4c730554cde4326791ba48ec11fa969a3de064cd7f"),
        Vector(
            name: "a bucket", path: "/test-bucket",
            hash: "51a7426c2a6c6ab80f336855fc629461ff182fb1d2cb552ac68e5ce8e25db487"),
        Vector(
            name: "an encoded query", query: [QueryItem("aA0é/=%-_.~", "~ ._-%=/é0Aa")],
            hash: "448f96c23dafa8210900554e138b2b5fd55bc53ef53b8637cecc3edec45a8fcf"),
        Vector(
            name: "the query's order", query: [QueryItem("prefix", "/foo"), QueryItem("X-Goog-Meta-Foo", "bar")],
            hash: "4dafe74ad142f32b7c25fc4e6b38fd3b8a6339d7f112247573fb0066f637db6c"),
        Vector(
            name: "a signed payload", method: "PUT",
            headers: [
                ("X-Goog-Content-SHA256", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b982"),
                ("X-TestCaseMetadata-Payload-Value", "hello"),
            ], hash: "be21a0841a897930ff5cf72e6e74ec5274efd76c3fe4cde6678f24a0a3d6dbec"),
        Vector(
            name: "another host", host: "localhost:8080",
            hash: "e47446edb8eed4c1797dfd31ce30272be89659a6ef38e91b549740c8f875d27b"),
        Vector(
            name: "a bucket's own host", host: "mydomain.tld", path: "/test-object",
            hash: "d6c309924b51a5abbe4d6356f7bf29c2120c6b14649b1e97b3bc9309adca7d4b"),
    ]

    private func url(of vector: Vector) throws -> GoogleSignedURL {
        var url = GoogleSignedURL(
            method: vector.method, scheme: "https", host: vector.host, path: vector.path,
            email: "test-iam-credentials@dummy-project-id.iam.gserviceaccount.com",
            issuedAt: try #require(Timestamp(iso8601: vector.issued)), lifetime: vector.lifetime)
        url.headers = vector.headers
        url.query = vector.query
        return url
    }

    @Test("Google's vectors", arguments: vectors)
    func vector(_ vector: Vector) throws {
        let lines = try url(of: vector).stringToSign.split(separator: "\n")
        let date = vector.issued.filter { $0 != "-" && $0 != ":" }
        #expect(
            lines.map(String.init) == [
                "GOOG4-RSA-SHA256", date, "\(date.prefix(8))/auto/storage/goog4_request", vector.hash,
            ])
    }

    @Test("The URL has the signature at its end")
    func wholeURL() throws {
        let url = try url(of: Self.vectors[0]).url(signature: [0x95, 0xe6, 0x0a])
        #expect(
            url == "https://storage.googleapis.com/test-bucket/test-object?X-Goog-Algorithm=GOOG4-RSA-SHA256"
                + "&X-Goog-Credential=test-iam-credentials%40dummy-project-id.iam.gserviceaccount.com%2F20190201%2Fauto"
                + "%2Fstorage%2Fgoog4_request&X-Goog-Date=20190201T090000Z&X-Goog-Expires=10"
                + "&X-Goog-SignedHeaders=host&X-Goog-Signature=95e60a")
    }
}
