import Foundation
import RegistryStorage
import TestSupport
import Testing

/// Credentials of every kind, against services that verify them, and what a start makes of mistakes.
@Suite("Access to Cloud Storage", .timeLimit(.minutes(5)))
struct CloudStorageAccessTests {
    private func quoted(_ text: String) throws -> String {
        String(decoding: try JSONEncoder().encode(text), as: UTF8.self)
    }

    private func use(_ driver: any StorageDriver) async throws {
        try await driver.put("/object", [1, 2, 3])
        #expect(try await driver.get("/object") == [1, 2, 3])
    }

    private func curl(_ url: String, _ arguments: String...) async throws -> (status: String, head: String) {
        let result = try await Command.run(
            "curl", ["--silent", "--max-time", "10", "--include"] + arguments + [url])
        return (String(result.text.split(separator: " ").dropFirst().first ?? ""), result.text)
    }

    private func redirect(
        _ driver: any StorageDriver, _ method: StorageRedirect.Method = .get
    ) async throws -> String? {
        try await driver.redirectURL(StorageRedirect(method: method, path: try StoragePath("/object")))
    }

    @Test("A service account's key: tokens once for all, another when one is refused, and signed URLs")
    func serviceAccount() async throws {
        try await CloudStorage.withKey { server, options in
            try await withTemporaryDirectory { directory in
                let file = try directory.write(try server.keyFile(), to: "key.json")
                let driver = try await CloudStorage.open(options(#","keyfile":\#(try quoted(file))"#))
                try await withThrowingTaskGroup { group in
                    for index in 0..<20 { group.addTask { try await driver.put("/many/\(index)", [1]) } }
                    try await group.waitForAll()
                }
                #expect(
                    try await server.requests().count { $0.contains("/token") } == 1, "one for all")
                try await server.control("_revoke")
                try await use(driver)
                #expect(try await server.requests().count { $0.contains("/token") } == 1)

                let get = try #require(try await redirect(driver))
                #expect(try await curl(get).status == "200")
                let part = try await curl(get, "--range", "1-1")
                #expect(part.status == "206" && part.head.contains("bytes 1-1/3"))
                let head = try #require(try await redirect(driver, .head))
                #expect(try await curl(head, "--head").status == "200")
                #expect(try await curl(head).status == "403", "signed for another method")
                let forged = get.replacingOccurrences(of: "X-Goog-Expires=1200", with: "X-Goog-Expires=9999")
                #expect(forged != get)
                #expect(try await curl(forged).status == "403")
                #expect(try await redirect(driver, .put) == nil)
            }
        }
    }

    @Test("The key as a map inside the configuration, and as text")
    func inline() async throws {
        try await CloudStorage.withKey { server, options in
            let key = try server.keyFile()
            try await use(try await CloudStorage.open(options(#","credentials":\#(key)"#)))
            try await use(try await CloudStorage.open(options(#","credentials":\#(try quoted(key))"#)))
        }
    }

    @Test("A user's refresh token: access, and no redirects, because nobody knows his signature")
    func user() async throws {
        try await CloudStorage.withKey { server, options in
            let credentials = """
                ,"credentials":{"type":"authorized_user","client_id":"client","client_secret":"client-secret",
                "refresh_token":"refresh-me","token_uri":"\(server.endpoint)/token"}
                """
            let driver = try await CloudStorage.open(options(credentials))
            try await use(driver)
            #expect(try await redirect(driver) == nil)
        }
    }

    @Test("Workload identity federation from a file and from a URL, acting for a service account that signs by IAM")
    func federation() async throws {
        try await CloudStorage.withKey { server, options in
            try await withTemporaryDirectory { directory in
                let token = try directory.write("subject-token\n", to: "token")
                let account = CloudStorageServer.email.replacingOccurrences(of: "@", with: "%40")
                let sources = [
                    #"{"file":"\#(token)"}"#,
                    """
                    {"url":"\(server.endpoint)/subject","headers":{"Metadata":"True"},
                    "format":{"type":"json","subject_token_field_name":"value"}}
                    """,
                ]
                for source in sources {
                    let credentials = """
                        ,"iamendpoint":"\(server.endpoint)","credentials":{"type":"external_account",
                        "audience":"//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
                        "subject_token_type":"urn:ietf:params:oauth:token-type:jwt",
                        "token_url":"\(server.endpoint)/v1/token","credential_source":\(source),
                        "service_account_impersonation_url":
                        "\(server.endpoint)/v1/projects/-/serviceAccounts/\(account):generateAccessToken"}
                        """
                    let driver = try await CloudStorage.open(options(credentials))
                    try await use(driver)
                    let url = try #require(try await redirect(driver))
                    #expect(try await curl(url).status == "200")
                }
            }
        }
    }

    /// What a mistake must say, and how soon.
    private func expectRefusal(
        _ options: String, says words: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let clock = ContinuousClock()
        let start = clock.now
        do {
            _ = try await CloudStorage.open(options)
            Issue.record("it started", sourceLocation: sourceLocation)
        } catch {
            let text = "\(error)"
            for word in words { #expect(text.contains(word), "\(text)", sourceLocation: sourceLocation) }
            #expect(!text.contains("\n") && !text.contains("PRIVATE") && !text.contains("s3cret"), "\(text)")
        }
        #expect(clock.now - start < .seconds(60), sourceLocation: sourceLocation)
    }

    @Test("A start with a mistake says which parameter and what the service says, in one line")
    func mistakes() async throws {
        try await CloudStorage.withKey { server, options in
            let key = try server.keyFile()
            let other = try await CloudStorageServer.start()
            let stranger = try other.keyFile().replacingOccurrences(of: other.endpoint, with: server.endpoint)
            await other.process.kill()
            let wrongBucket = options(#","credentials":\#(key)"#).replacingOccurrences(
                of: CloudStorageServer.bucket, with: "no-such-bucket")
            try await expectRefusal(wrongBucket, says: "bucket", "no-such-bucket", "does not exist")
            try await expectRefusal(
                options(#","credentials":\#(stranger)"#), says: "credentials", "Invalid JWT Signature")
            try await expectRefusal(options(#","anonymous":true"#), says: "anonymous", "Invalid Credentials")
            try await expectRefusal(options(#","keyfile":"/no/such/file""#), says: "keyfile", "No such file")
            try await expectRefusal(
                options(#","credentials":{"type":"service_account","client_email":"a@b","private_key":"s3cret"}"#),
                says: "credentials", "PEM")
            try await expectRefusal(options(#","credentials":"s3cret""#), says: "credentials", "JSON")
            let port = try FreePort.take()
            for endpoint in ["http://127.0.0.1:\(port)", "http://no-such-host.invalid"] {
                try await expectRefusal(
                    #"{"bucket":"some-bucket","endpoint":"\#(endpoint)","anonymous":true}"#, says: "endpoint", endpoint)
            }
            let tls = server.endpoint.replacingOccurrences(of: "http:", with: "https:")
            try await expectRefusal(
                #"{"bucket":"some-bucket","endpoint":"\#(tls)","anonymous":true}"#, says: tls)
        }
    }

    @Test("Options that can't be meant are refused, with their key")
    func options() async throws {
        let cases = [
            (#"{}"#, "bucket"), (#"{"bucket":"UPPER"}"#, "bucket"), (#"{"bucket":"b/c"}"#, "bucket"),
            (#"{"bucket":"abc","chunksize":300000}"#, "chunksize"), (#"{"bucket":"abc","chunksize":0}"#, "chunksize"),
            (#"{"bucket":"abc","chunksize":"x"}"#, "chunksize"),
            (#"{"bucket":"abc","maxconcurrency":-1}"#, "maxconcurrency"),
            (#"{"bucket":"abc","endpoint":"storage.googleapis.com"}"#, "endpoint"),
            (#"{"bucket":"abc","endpoint":"ftp://h"}"#, "endpoint"),
            (#"{"bucket":"abc","anonymous":"perhaps"}"#, "anonymous"),
            (#"{"bucket":"abc","anonymous":true,"keyfile":"/k"}"#, "anonymous"),
            (#"{"bucket":"abc","credentials":{"type":"other"}}"#, "credentials"),
            (#"{"bucket":"abc","useragent":"a\r\nb"}"#, "useragent"), (#"{"bucket":"abc","keyfil":"/k"}"#, "keyfile"),
        ]
        for (options, key) in cases {
            do {
                _ = try await CloudStorage.open(options)
                Issue.record("it started with \(options)")
            } catch {
                #expect("\(error)".contains(key), "\(options): \(error)")
            }
        }
    }
}
