import ObjectStoreKit
import Testing

@Suite("Azure's answers")
struct AzureAnswerTests {
    @Test("A page of blobs is read: prefixes, sizes, times, copies that haven't ended, the marker")
    func pages() throws {
        let page = try AzureBlobPage(
            SharedBytes(
                """
                <?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="c"><Blobs>\
                <BlobPrefix><Name>a/</Name></BlobPrefix><Blob><Name>b&amp;c</Name><Properties>\
                <Last-Modified>Fri, 02 Jan 2026 03:04:05 GMT</Last-Modified><Content-Length>42</Content-Length>\
                </Properties></Blob><Blob><Name>d</Name><Properties><Content-Length>0</Content-Length>\
                <CopyStatus>pending</CopyStatus></Properties></Blob></Blobs><NextMarker>next</NextMarker></EnumerationResults>
                """))
        #expect(page.entries.map(\.name) == ["a/", "b&c", "d"])
        #expect(page.entries.map(\.isPrefix) == [true, false, false])
        #expect(page.entries.map(\.isIncomplete) == [false, false, true])
        #expect(page.entries[1].size == 42)
        #expect(page.entries[1].modifiedNanoseconds == Timestamp(iso8601: "2026-01-02T03:04:05Z")?.unixNanoseconds)
        #expect(page.nextMarker == "next")
        for wrong in [
            "", "<a/>", "<EnumerationResults><Blobs><Blob/></Blobs></EnumerationResults>", "<EnumerationResults>",
        ] {
            #expect(throws: StoreError.self) { try AzureBlobPage(SharedBytes(wrong)) }
        }
    }

    @Test("Block lists are read and written")
    func blockLists() throws {
        let id = AzureBlockID(index: 3, offset: 9, session: 1, previousSession: 2)
        let list = try AzureBlockList(
            SharedBytes(
                """
                <BlockList><CommittedBlocks><Block><Name>\(id.text)</Name><Size>5</Size></Block></CommittedBlocks>\
                <UncommittedBlocks><Block><Name>AAAA</Name><Size>5</Size></Block></UncommittedBlocks></BlockList>
                """))
        #expect(list.blocks == [AzureBlock(id: id, size: 5)])
        #expect(list.hasForeign)
        let body = String(decoding: AzureBlockList.body(of: list.blocks), as: UTF8.self)
        #expect(body.contains("<Latest>\(id.text)</Latest>"))
    }

    private func refusal(_ status: Int, _ code: String, _ body: String = "") -> StoreError? {
        let endpoint = Endpoint(.https, host: "h")
        return AzureRefusal.error(
            HTTPRequest("GetBlob", .get, endpoint, path: "/"),
            HTTPResponse(
                status: status, headers: ["x-ms-error-code": code, "x-ms-request-id": "id-7"], body: SharedBytes(body)))
    }

    @Test("Codes of the service become classes")
    func refusals() throws {
        let cases: [(Int, String, StoreError.Kind, StoreError.Retry?)] = [
            (404, "BlobNotFound", .notFound, nil), (404, "ContainerNotFound", .config, nil),
            (409, "BlobAlreadyExists", .alreadyExists, nil), (412, "ConditionNotMet", .precondition, nil),
            (400, "InvalidBlockList", .precondition, nil), (409, "PendingCopyOperation", .busy, nil),
            (503, "ServerBusy", .throttled, .throttled), (500, "OperationTimedOut", .unavailable, .server),
            (403, "AuthenticationFailed", .permission, nil),
            (401, "InvalidAuthenticationInfo", .permission, .credentials),
            (416, "InvalidRange", .range, nil), (400, "Md5Mismatch", .corrupt, nil),
        ]
        for (status, code, kind, retry) in cases {
            let error = try #require(refusal(status, code))
            #expect(error.kind == kind, "\(code)")
            #expect(error.retry == retry, "\(code)")
            #expect(error.vendorCode == code && error.requestID == "id-7")
        }
        #expect(refusal(206, "") == nil)
    }

    @Test("A message is one line, and what the service tried to sign stays out")
    func messages() throws {
        let body = """
            <Error><Code>AuthenticationFailed</Code><Message>Server failed.
            RequestId:1
            Time:2</Message><AuthenticationErrorDetail>The MAC differs. Server used following string to sign: 'sig=SECRET'.\
            </AuthenticationErrorDetail></Error>
            """
        let error = try #require(refusal(403, "AuthenticationFailed", body))
        #expect(error.message.contains("Server failed. The MAC differs."))
        #expect(!error.message.contains("SECRET") && !error.message.contains("\n"))
    }

    @Test("Tokens are read in both forms, and what isn't one is refused without being shown")
    func tokens() throws {
        let now = Timestamp(unixSeconds: 1_800_000_000)
        let machine = try AzureToken(
            SharedBytes(#"{"access_token":"abc","expires_in":"3599","expires_on":"1800003599"}"#), at: now)
        #expect(machine.value == "abc" && machine.expires == now.adding(seconds: 3599))
        let platform = try AzureToken(SharedBytes(#"{"access_token":"abc","expires_in":60}"#), at: now)
        #expect(platform.expires == now.adding(seconds: 60))
        for wrong in [
            #"{"access_token":"a\r\nb"}"#, #"{"access_token":""}"#, "SECRET", #"{"access_token":["SECRET"]}"#,
        ] {
            let error = #expect(throws: StoreError.self) { try AzureToken(SharedBytes(wrong), at: now) }
            #expect(error?.message.contains("SECRET") == false)
        }
        let refusal = AzureToken.refusal(
            SharedBytes(#"{"error":"invalid_client","error_description":"AADSTS7000215: wrong.\r\nTrace ID: 1"}"#))
        #expect(refusal == ("invalid_client", "AADSTS7000215: wrong."))
    }

    @Test("The state of a blob comes from headers of all kinds")
    func states() {
        let part = AzureBlobState([
            "ETag": "\"0x1\"", "Content-Range": "bytes 3-5/90", "Content-Length": "3", "x-ms-blob-type": "AppendBlob",
        ])
        #expect(part.size == 90 && part.isAppendBlob && part.isComplete)
        let copy = AzureBlobState(["x-ms-copy-status": "pending", "x-ms-copy-id": "7", "Content-Length": "x"])
        #expect(!copy.isComplete && copy.copyID == "7" && copy.size == nil)
    }
}
