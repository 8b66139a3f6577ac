import TestSupport
import Testing

@testable import ObjectStoreKit

@Suite("Google's credentials")
struct GoogleCredentialsTests {
    private func identity(_ json: String) throws(StoreError) -> GoogleIdentity {
        try GoogleIdentity(GoogleCredentialsFile.parse(SharedBytes(json)))
    }

    private static let federation = """
        "type":"external_account","audience":"//iam.googleapis.com/p","token_url":"https://sts.googleapis.com/v1/token",
        "subject_token_type":"urn:ietf:params:oauth:token-type:jwt"
        """

    @Test("Files that can't be used say what is missing, and nothing of what is there")
    func refusals() {
        let cases: [(json: String, word: String)] = [
            ("{}", "type is missing"),
            (#"{"type":"gdch_service_account"}"#, "type must be"),
            (#"{"type":"service_account","private_key":"s3cret"}"#, "client_email"),
            (#"{"type":"service_account","client_email":"a@b"}"#, "private_key is missing"),
            (#"{"type":"service_account","client_email":"a@b","private_key":"s3cret"}"#, "PEM"),
            (#"{"type":"authorized_user","client_id":"a","refresh_token":"s3cret"}"#, "client_secret"),
            (#"{"type":"external_account","audience":"a"}"#, "token_url"),
            ("{\(Self.federation)}", "credential_source"),
            ("{\(Self.federation),\"credential_source\":{\"executable\":{\"command\":\"s3cret\"}}}", "program"),
            ("{\(Self.federation),\"credential_source\":{\"environment_id\":\"aws1\"}}", "AWS"),
            ("{\(Self.federation),\"credential_source\":{}}", "neither file nor url"),
            (
                "{\(Self.federation),\"credential_source\":{\"file\":\"/t\",\"format\":{\"type\":\"json\"}}}",
                "field_name"
            ),
            (#"{"type":"impersonated_service_account"}"#, "source_credentials"),
            ("s3cret", "JSON"), ("[]", "JSON"), (#"{"type":["s3cret"]}"#, "JSON"),
        ]
        for (json, word) in cases {
            let error = #expect(throws: StoreError.self, "\(json)") { try identity(json) }
            #expect(error?.message.contains(word) == true, "\(json): \(error?.message ?? "")")
            #expect(error?.message.contains("s3cret") == false)
            #expect(error?.kind == .config)
        }
    }

    @Test("Numbers count as text, as YAML brings them")
    func numbers() throws {
        let file = try GoogleCredentialsFile.parse(SharedBytes(#"{"type":"authorized_user","client_id":32555940559}"#))
        #expect(file.clientID == "32555940559")
    }

    @Test("Where a file of credentials is looked for")
    func places() {
        func find(_ environment: [String: String], _ files: Set<String> = []) -> GoogleDefaultCredentials {
            GoogleDefaultCredentials.find(environment: { environment[$0] }, exists: files.contains)
        }
        let named = ["GOOGLE_APPLICATION_CREDENTIALS": "/k.json", "HOME": "/root"]
        #expect(find(named) == .named("/k.json"))
        let known = "/root/.config/gcloud/application_default_credentials.json"
        #expect(find(["HOME": "/root"], [known]) == .wellKnown(known))
        #expect(find(["HOME": "/root"]) == .metadataServer)
        let other = "/cfg/application_default_credentials.json"
        #expect(find(["HOME": "/root", "CLOUDSDK_CONFIG": "/cfg"], [known, other]) == .wellKnown(other))
        #expect(find([:]) == .metadataServer)
        #expect(find(["GOOGLE_APPLICATION_CREDENTIALS": ""]) == .metadataServer)
        #expect(GoogleDefaultCredentials.metadataEndpoint { _ in nil }.url == "http://metadata.google.internal")
        #expect(
            GoogleDefaultCredentials.metadataEndpoint { $0 == "GCE_METADATA_HOST" ? "127.0.0.1:80" : nil }.host
                == "127.0.0.1")
    }

    @Test("The parts of an assertion")
    func assertion() async throws {
        let made = ["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
        let pem = try await Command.run("openssl", made).checked().text
        let key = try ServiceAccountKey(email: "a@b.c", keyID: "k\"1", pem: pem, tokenURL: "https://o/token")
        let assertion = try key.assertion(scope: "s", at: Timestamp(unixSeconds: 1_700_000_000))
        let parts = assertion.split(separator: ".").compactMap { Base64.decode(String($0)) }
        #expect(parts.count == 3)
        #expect(String(decoding: parts[0], as: UTF8.self) == #"{"alg":"RS256","typ":"JWT","kid":"k\"1"}"#)
        #expect(
            String(decoding: parts[1], as: UTF8.self)
                == #"{"iss":"a@b.c","scope":"s","aud":"https://o/token","iat":1700000000,"exp":1700003600}"#)
        let signed = assertion.split(separator: ".").prefix(2).joined(separator: ".")
        #expect(parts[2] == (try RSAPrivateKey(pem: pem).signSHA256(signed.utf8)))
        #expect(!assertion.contains("="))
    }

    @Test("The forms that services get are encoded")
    func forms() throws {
        #expect(
            GoogleTokens.exchange(assertion: "a.b+c")
                == "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=a.b%2Bc")
        let file = try GoogleCredentialsFile.parse(
            SharedBytes(
                """
                {\(Self.federation),"credential_source":{"url":"http://h/t","headers":{"A":"b"},
                "format":{"type":"json","subject_token_field_name":"value"}},
                "service_account_impersonation_url":
                "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/x%40y.z:generateAccessToken"}
                """))
        let identity = try GoogleIdentity(file)
        #expect(identity.email == "x@y.z")
        guard case .impersonated(let impersonation, .externalAccount(let account)) = identity else {
            Issue.record("not an impersonated external account")
            return
        }
        #expect(
            GoogleTokens.impersonation(impersonation, scope: "s") == #"{"scope":["s"],"lifetime":"3600s"}"#)
        let form = GoogleTokens.exchange("t&t", of: account, scope: "s")
        #expect(form.contains("subject_token=t%26t&"))
        #expect(form.contains("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&"))
        #expect(account.field == "value")
    }

    @Test("The other provider's token in what a file or URL holds")
    func subjectTokens() {
        func token(_ text: String, _ field: String?) -> String? {
            GoogleTokens.subjectToken(in: SharedBytes(text), field: field)
        }
        #expect(token("eyJ.abc\n", nil) == "eyJ.abc")
        #expect(token("", nil) == nil)
        #expect(token("two words", nil) == nil)
        #expect(token(#"{"value":"t","n":1}"#, "value") == "t")
        #expect(token(#"{"value":1}"#, "value") == nil)
        #expect(token(#"{"other":"t"}"#, "value") == nil)
        #expect(token("t", "value") == nil)
    }
}
