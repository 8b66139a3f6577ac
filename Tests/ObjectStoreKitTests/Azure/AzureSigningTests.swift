import ObjectStoreKit
import Testing

/// Vectors: the strings to sign are those of Microsoft's documentation of the Blob service; the signatures were made with
/// Microsoft's SDK for Python (azure-storage-blob 12.31.1) from the same input.
@Suite("Azure's signatures")
struct AzureSigningTests {
    private let key = AzureSharedKey(
        account: "myaccount",
        base64Key: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==")
    private let endpoint = Endpoint(.https, host: "myaccount.blob.core.windows.net")

    @Test("The documented request for a container's metadata has the documented string to sign")
    func documented() throws {
        let key = try #require(key)
        var request = HTTPRequest("GetContainerMetadata", .get, endpoint, path: "/mycontainer")
        request.query = [QueryItem("restype", "container"), QueryItem("comp", "metadata"), QueryItem("timeout", "20")]
        request.headers["x-ms-version"] = "2015-02-21"
        request.headers["x-ms-date"] = "Fri, 26 Jun 2015 23:39:12 GMT"
        #expect(
            key.stringToSign(request)
                == "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n"
                + "/myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20")
    }

    @Test("A request with a body, conditions and odd characters is signed as the SDK signs it")
    func sharedKey() throws {
        let key = try #require(key)
        var request = HTTPRequest("PutBlock", .put, endpoint, path: "/registry/a%20b/c%2Bd")
        request.query = [QueryItem("comp", "block"), QueryItem("blockid", "QUFBQQ=="), QueryItem("timeout", "30")]
        request.headers["x-ms-version"] = "2021-12-02"
        request.headers["X-MS-Date"] = "Fri, 02 Jan 2026 03:04:05 GMT"
        request.headers["x-ms-client-request-id"] = "id-1"
        request.headers["Content-MD5"] = "mgNkuembtIDdJeHwKEyFVQ=="
        request.headers["Content-Type"] = "application/octet-stream"
        request.headers["If-None-Match"] = "*"
        request.body = .text("content")
        key.sign(&request)
        #expect(
            request.headers["Authorization"] == "SharedKey myaccount:ETVYkW/BI1NCEy69J/W4CNbyWpoZCNikc0UG5JoJcY8=")
    }

    @Test("A service SAS is signed as the SDK signs it")
    func serviceSignature() throws {
        let key = try #require(key)
        let expiry = try #require(Timestamp(iso8601: "2026-01-02T03:04:05Z"))
        let short = AzureBlobSignature(
            account: "myaccount", container: "registry", blob: "docker/registry/v2/blobs/sha256/ab/abcd/data",
            permissions: "r", expiry: expiry, requiresTLS: true)
        #expect(signature(short.query(signedBy: key)) == "sw0EIXMaCGrSJn8LHllPayEB3Ln7mZrN+zA7exbS9ns=")
        var full = AzureBlobSignature(
            account: "myaccount", container: "registry", blob: "a b/c+d%e", permissions: "r",
            start: Timestamp(iso8601: "2026-01-02T03:00:00Z"), expiry: expiry, requiresTLS: false)
        full.contentDisposition = "attachment; filename=\"x y.tar\""
        full.contentType = "application/vnd.oci.image.layer.v1.tar+gzip"
        let query = full.query(signedBy: key)
        #expect(signature(query) == "qFyDlgQUzO7Jt8LZ1bLMIsIWy55GLE2RlzOWA5QiD04=")
        #expect(query.map(\.name) == ["sv", "sr", "sp", "st", "se", "spr", "rscd", "rsct", "sig"])
        // Whoever changes a right changes what was signed.
        full.permissions = "rw"
        #expect(signature(full.query(signedBy: key)) != signature(query))
    }

    @Test("A user delegation SAS signs the documented fields in the documented order")
    func delegatedSignature() throws {
        let start = try #require(Timestamp(iso8601: "2026-01-01T00:00:00Z"))
        let key = AzureUserDelegationKey(
            object: "oid", tenant: "tid", start: start, expires: start.adding(seconds: 172_800), version: "2021-12-02",
            value: Array("a delegated key".utf8))
        let signature = AzureBlobSignature(
            account: "myaccount", container: "registry", blob: "name", permissions: "r",
            expiry: start.adding(seconds: 1200), requiresTLS: true)
        #expect(
            signature.stringToSign(for: key)
                == [
                    "r", "", "2026-01-01T00:20:00Z", "/blob/myaccount/registry/name", "oid", "tid",
                    "2026-01-01T00:00:00Z",
                    "2026-01-03T00:00:00Z", "b", "2021-12-02", "", "", "", "", "https", "2021-12-02", "b", "", "", "",
                    "", "",
                    "", "",
                ].joined(separator: "\n"))
        let query = signature.query(signedBy: key)
        #expect(
            query.map(\.name) == ["sv", "sr", "sp", "se", "spr", "skoid", "sktid", "skt", "ske", "sks", "skv", "sig"])
    }

    @Test("The answer with a user delegation key is read, and one that lacks a part is refused")
    func delegationKey() throws {
        let parts = [
            "SignedOid": "oid", "SignedTid": "tid", "SignedStart": "2026-01-01T00:00:00Z",
            "SignedExpiry": "2026-01-03T00:00:00Z", "SignedService": "b", "SignedVersion": "2021-12-02",
            "Value": "c2VjcmV0",
        ]
        func answer(without missing: String = "") throws -> XMLElement {
            let body = parts.filter { $0.key != missing }.map { "<\($0)>\($1)</\($0)>" }.joined()
            return try XMLElement.parse(SharedBytes("<UserDelegationKey>\(body)</UserDelegationKey>"))
        }
        let key = try AzureUserDelegationKey(try answer())
        #expect(key.expires == Timestamp(iso8601: "2026-01-03T00:00:00Z"))
        #expect(key.queryItems.first == QueryItem("skoid", "oid"))
        for part in parts.keys {
            #expect(throws: StoreError.self) { try AzureUserDelegationKey(try answer(without: part)) }
        }
    }

    private func signature(_ query: [QueryItem]) -> String { query.last?.value ?? "" }
}
