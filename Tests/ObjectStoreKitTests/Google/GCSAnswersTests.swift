import Testing

@testable import ObjectStoreKit

@Suite("Answers of Cloud Storage")
struct GCSAnswersTests {
    @Test("An object, also with what is new to us and without what is old")
    func object() throws {
        let json = """
            {"kind":"storage#object","name":"a/b","size":"5497558138880","generation":"1795852349049034","new":[1,{}],
            "timeCreated":"2026-11-28T07:52:29.04902Z","updated":"2026-11-29T07:52:29Z","contentType":"x/y",
            "crc32c":"qTxfkw==","metadata":{"k":"v"}}
            """
        let object = try JSON.decode(GCSObject.self, SharedBytes(json))
        #expect(object.name == "a/b")
        #expect(object.size == 5_497_558_138_880)
        #expect(object.generation == 1_795_852_349_049_034)
        #expect(object.createdNanoseconds == 1_795_852_349_049_020_000)
        #expect(object.checksum == 0xa93c_5f93)
        #expect(object.metadata == ["k": "v"])
        let bare = try JSON.decode(GCSObject.self, SharedBytes(#"{"name":"a","updated":"1970-01-01T00:00:01Z"}"#))
        #expect(bare.size == 0)
        #expect(bare.createdNanoseconds == 1_000_000_000)
        #expect(bare.checksum == nil)
        for broken in [#"{"size":"-1"}"#, #"{"size":5}"#, #"{"generation":"x"}"#, "[]", "null", ""] {
            #expect(throws: StoreError.self) { try JSON.decode(GCSObject.self, SharedBytes(broken)) }
        }
    }

    @Test("A page may be empty")
    func listing() throws {
        let empty = try JSON.decode(GCSListing.self, SharedBytes(#"{"kind":"storage#objects"}"#))
        #expect(empty.items.isEmpty && empty.prefixes.isEmpty && empty.nextPageToken == nil)
        let last = try JSON.decode(GCSListing.self, SharedBytes(#"{"prefixes":["a/"],"nextPageToken":""}"#))
        #expect(last.prefixes == ["a/"] && last.nextPageToken == nil)
    }

    @Test("Checksums in header fields")
    func hashes() {
        #expect(GCSHash.checksum(inFields: ["crc32c=qTxfkw==,md5=ndTkYSaMgDT1yFZOFVxnpg=="]) == 0xa93c_5f93)
        #expect(GCSHash.checksum(inFields: ["md5=ndTkYSaMgDT1yFZOFVxnpg==", "crc32c=qTxfkw=="]) == 0xa93c_5f93)
        #expect(GCSHash.checksum(inFields: ["md5=x"]) == nil)
        #expect(GCSHash.checksum(inFields: ["crc32c=qTxf"]) == nil)
        var checksum = CRC32C()
        Array("123456789".utf8).withUnsafeBytes { checksum.update($0) }
        #expect(checksum.value == 0xe306_9283)
        #expect(GCSHash.text(checksum) == "4waSgw==")
        #expect(GCSHash.checksum(GCSHash.text(checksum)) == checksum.value)
    }

    @Test("Ranges of sessions and answers")
    func ranges() {
        #expect(GCSRange.persisted(nil) == 0)
        #expect(GCSRange.persisted("bytes=0-524287") == 524_288)
        for broken in ["bytes=1-5", "bytes=0-", "0-5", "bytes=0-18446744073709551615", "bytes=0-x"] {
            #expect(GCSRange.persisted(broken) == nil)
        }
        #expect(GCSRange.content(0, 10, total: nil) == "bytes 0-9/*")
        #expect(GCSRange.content(10, 5, total: 15) == "bytes 10-14/15")
        #expect(GCSRange.content(0, 0, total: 15) == "bytes */15")
        #expect(GCSRange.content(0, 0, total: nil) == "bytes */*")
        #expect(GCSRange.parts("bytes 5-9/10").map { $0.first == 5 && $0.size == 10 } == true)
        #expect(GCSRange.parts("bytes */10").map { $0.first == nil && $0.size == 10 } == true)
        for broken in ["", "bytes", "bytes 5/10", "bytes 5-9/*", "5-9/10"] { #expect(GCSRange.parts(broken) == nil) }
    }

    @Test("Refusals have the service's reason and words, and nothing of HTML")
    func failures() {
        func failure(_ status: Int, _ body: String, _ headers: HTTPFields = [:]) -> StoreError {
            let request = HTTPRequest("Get", .get, Endpoint(.https, host: "h"), path: "/")
            return GCSFailure.error(request, HTTPResponse(status: status, headers: headers, body: SharedBytes(body)))
        }
        func envelope(_ reason: String) -> String {
            #"{"error":{"code":403,"message":"No \u0007way","errors":[{"reason":"\#(reason)"}]}}"#
        }
        let denied = failure(403, envelope("forbidden"), ["X-GUploader-UploadID": "id-1"])
        #expect(denied.kind == .permission && denied.vendorCode == "forbidden" && denied.requestID == "id-1")
        #expect(denied.message.contains("No way") || denied.message.contains("No"))
        #expect(denied.retry == nil)
        let slow = failure(403, envelope("userRateLimitExceeded"))
        #expect(slow.kind == .throttled && slow.retry == .throttled)
        #expect(failure(401, envelope("authError")).retry == .credentials)
        #expect(failure(412, envelope("conditionNotMet")).kind == .precondition)
        #expect(failure(404, "Not Found").kind == .notFound)
        #expect(!failure(502, "<html>secret page</html>").message.contains("html"))
        #expect(failure(503, "").retry == .server)
        #expect(failure(503, "", ["Retry-After": "3"]).retryAfter == 3_000_000_000)
    }
}
