import ObjectStoreKit
import Testing

/// The signer against what Amazon has published: its test suite, and the examples of S3's documentation.
@Suite("AWS Signature Version 4")
struct SignatureV4Tests {
    // MARK: Amazon's test suite

    private static let suiteCredentials = AWSCredentials(
        accessKeyID: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    private static let suiteTime = Timestamp(iso8601: "2015-08-30T12:36:00Z") ?? Timestamp(unixSeconds: 0)

    /// One case: the request, and what it must be signed with.
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        var method = HTTPRequest.Method.get
        var path = "/"
        var query: [QueryItem] = []
        var headers: [(String, String)] = []
        var body = ""
        let signedHeaders: String
        let signature: String
        var testDescription: String { name }
    }

    static let suite = [
        Case(
            name: "get-vanilla", signedHeaders: "host;x-amz-date",
            signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        Case(
            name: "get-vanilla-query-order-key-case", query: [.init("Param2", "value2"), .init("Param1", "value1")],
            signedHeaders: "host;x-amz-date",
            signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
        Case(
            name: "get-vanilla-empty-query-key", query: [.init("Param1", "value1")], signedHeaders: "host;x-amz-date",
            signature: "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"),
        Case(
            name: "get-vanilla-query-unreserved",
            query: [
                .init(
                    "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
                    "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
            ],
            signedHeaders: "host;x-amz-date",
            signature: "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"),
        Case(
            name: "get-utf8", path: PercentEncoding.path("/ሴ"), signedHeaders: "host;x-amz-date",
            signature: "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
        Case(
            name: "get-unreserved", path: "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            signedHeaders: "host;x-amz-date",
            signature: "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"),
        Case(
            name: "get-header-value-trim", headers: [("My-Header1", " value1"), ("My-Header2", " \"a   b   c\"")],
            signedHeaders: "host;my-header1;my-header2;x-amz-date",
            signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"),
        Case(
            name: "get-header-key-duplicate",
            headers: [("My-Header1", "value2"), ("My-Header1", "value2"), ("My-Header1", "value1")],
            signedHeaders: "host;my-header1;x-amz-date",
            signature: "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"),
        Case(
            name: "post-vanilla", method: .post, signedHeaders: "host;x-amz-date",
            signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        Case(
            name: "post-x-www-form-urlencoded", method: .post,
            headers: [("Content-Type", "application/x-www-form-urlencoded")], body: "Param1=value1",
            signedHeaders: "content-type;host;x-amz-date",
            signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
    ]

    @Test("The cases of Amazon's test suite", arguments: suite)
    func amazonSuite(example: Case) throws {
        var request = HTTPRequest(
            "Test", example.method, Endpoint(.https, host: "example.amazonaws.com"), path: example.path)
        request.query = example.query
        for (name, value) in example.headers { request.headers.add(name, value) }
        if !example.body.isEmpty { request.body = .text(example.body) }
        AWSSignatureV4(service: "service", region: "us-east-1").sign(
            &request, Self.suiteCredentials, at: Self.suiteTime)
        #expect(request.headers["X-Amz-Date"] == "20150830T123600Z")
        #expect(
            request.headers["Authorization"]
                == "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
                + "SignedHeaders=\(example.signedHeaders), Signature=\(example.signature)")
    }

    // MARK: S3's documentation

    private static let s3 = AWSSignatureV4(service: "s3", region: "us-east-1")
    private static let s3Credentials = AWSCredentials(
        accessKeyID: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    private static let s3Time = Timestamp(iso8601: "2013-05-24T00:00:00Z") ?? Timestamp(unixSeconds: 0)
    private static let bucket = Endpoint(.https, host: "examplebucket.s3.amazonaws.com")

    private func signature(_ request: HTTPRequest) -> String {
        var request = request
        Self.s3.sign(&request, Self.s3Credentials, at: Self.s3Time)
        return String(request.headers["Authorization"]?.split(separator: "=").last ?? "")
    }

    @Test("S3's example: a range of an object")
    func getObject() {
        var request = HTTPRequest("Test", .get, Self.bucket, path: "/test.txt")
        request.headers["Range"] = "bytes=0-9"
        #expect(signature(request) == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
    }

    @Test("S3's example: an object is put")
    func putObject() {
        var request = HTTPRequest("Test", .put, Self.bucket, path: PercentEncoding.path("/test$file.text"))
        request.headers["Date"] = "Fri, 24 May 2013 00:00:00 GMT"
        request.headers["X-Amz-Storage-Class"] = "REDUCED_REDUNDANCY"
        request.body = .text("Welcome to Amazon S3.")
        #expect(signature(request) == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")
    }

    @Test("S3's examples: a query without a value, and a listing")
    func bucketRequests() {
        var lifecycle = HTTPRequest("Test", .get, Self.bucket, path: "/")
        lifecycle.query = [QueryItem("lifecycle")]
        #expect(signature(lifecycle) == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")
        var list = HTTPRequest("Test", .get, Self.bucket, path: "/")
        list.query = [QueryItem("max-keys", "2"), QueryItem("prefix", "J")]
        #expect(signature(list) == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")
    }

    @Test("S3's example: a signed URL")
    func presigned() {
        let request = HTTPRequest("Test", .get, Self.bucket, path: "/test.txt")
        let url = Self.s3.presigned(request, Self.s3Credentials, at: Self.s3Time, seconds: 86_400)
        #expect(
            url == "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
                + "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
                + "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
                + "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")
    }

    @Test("A body is signed, left out, or known by its hash; a token is signed with the rest")
    func payloads() {
        var request = HTTPRequest("Test", .put, Self.bucket, path: "/key")
        request.body = .text("abc")
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        Self.s3.sign(&request, Self.s3Credentials, at: Self.s3Time)
        #expect(request.headers["X-Amz-Content-Sha256"] == digest)
        let signed = request.headers["Authorization"]
        Self.s3.sign(&request, Self.s3Credentials, at: Self.s3Time, .hash(digest))
        #expect(request.headers["Authorization"] == signed, "signing again changes nothing")
        Self.s3.sign(&request, Self.s3Credentials, at: Self.s3Time, .unsigned)
        #expect(request.headers["X-Amz-Content-Sha256"] == "UNSIGNED-PAYLOAD")
        let temporary = AWSCredentials(accessKeyID: "A", secretAccessKey: "secret", sessionToken: "token")
        Self.s3.sign(&request, temporary, at: Self.s3Time)
        #expect(request.headers["X-Amz-Security-Token"] == "token")
        #expect(request.headers["Authorization"]?.contains("x-amz-security-token") == true)
        #expect(!"\(temporary)".contains("secret"))
    }
}
