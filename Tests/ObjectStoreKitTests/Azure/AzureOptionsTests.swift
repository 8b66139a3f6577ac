import Foundation
import ObjectStoreKit
import PluginKit
import Testing

@Suite("Azure's options")
struct AzureOptionsTests {
    private func options(_ json: String) throws -> AzureOptions {
        try JSONDecoder().decode(AzureOptions.self, from: Data(json.utf8))
    }

    private func plan(_ json: String, _ environment: [String: String] = [:]) throws -> AzureCredentials.Plan {
        try AzureCredentials.plan(try options(json), environment: environment)
    }

    private let account = #""accountname":"acc","container":"con""#

    @Test("Defaults are Distribution's")
    func defaults() throws {
        let options = try options("{}")
        #expect(options.realm == "core.windows.net")
        #expect(options.maximumRetries == 5)
        #expect(options.retryDelay == 100)
        #expect(!options.skipsVerification)
        #expect(options.rootDirectory.isEmpty && options.serviceURL.isEmpty)
    }

    @Test("Numbers and durations come as the environment brings them")
    func texts() throws {
        let options = try options(#"{"max_retries":"-1","retry_delay":"1m1.5s","chunksize":"8388608"}"#)
        #expect(options.maximumRetries == -1)
        #expect(options.retryDelay == 61_500)
        #expect(options.chunkSize == 8 << 20)
        #expect(try self.options(#"{"retry_delay":"200000000"}"#).retryDelay == 200)
        for wrong in [
            #"{"max_retries":-2}"#, #"{"retry_delay":"soon"}"#, #"{"retry_delay":""}"#,
            #"{"retry_delay":"100"  ,"chunksize":5}"#,
            #"{"credentials":{"type":"password"}}"#, #"{"concurrency":0}"#, #"{"retry_delay":"1e99h"}"#,
        ] {
            #expect(throws: PluginError.self, "\(wrong)") { try self.options(wrong) }
        }
    }

    @Test("The endpoint follows from account and realm, or from serviceurl")
    func endpoints() throws {
        let key = #""accountkey":"a2V5""#
        let plain = try plan("{\(account),\(key)}").address
        #expect(plain.url(ofBlob: "a b") == "https://acc.blob.core.windows.net/con/a%20b")
        let china = try plan(#"{\#(account),\#(key),"realm":"core.chinacloudapi.cn"}"#).address
        #expect(china.endpoint.host == "acc.blob.core.chinacloudapi.cn")
        let emulator = try plan(
            #"{\#(account),\#(key),"serviceurl":"http://127.0.0.1:10000/acc","rootdirectory":"/a/b/"}"#
        ).address
        #expect(emulator.url(ofBlob: emulator.name(of: "/x")) == "http://127.0.0.1:10000/acc/con/a/b/x")
        #expect(emulator.prefix(of: "/") == "a/b/" && emulator.prefix(of: "/x") == "a/b/x/")
    }

    @Test("What is missing or wrong is named")
    func mistakes() throws {
        let cases = [
            (#"{"container":"c"}"#, "accountname"), (#"{"accountname":"acc"}"#, "container"),
            (#"{"accountname":"A B","container":"c"}"#, "accountname"),
            (#"{\#(account),"credentials":{"type":"shared_key"}}"#, "accountkey"),
            (#"{\#(account),"accountkey":"not base64!"}"#, "accountkey"),
            (#"{\#(account),"credentials":{"type":"sas_token","sastoken":"sv=1"}}"#, "credentials/sastoken"),
            (#"{\#(account),"credentials":{"type":"client_secret"}}"#, "credentials/tenantid"),
            (
                #"{\#(account),"credentials":{"type":"client_secret","tenantid":"t","clientid":"c"}}"#,
                "credentials/secret"
            ),
            (
                #"{\#(account),"credentials":{"type":"workload_identity","tenantid":"t","clientid":"c"}}"#,
                "credentials/tokenfile"
            ),
            (#"{\#(account),"serviceurl":"ftp://x","accountkey":"a2V5"}"#, "serviceurl"),
            (
                #"{\#(account),"serviceurl":"http://store.example","credentials":{"type":"managed_identity"}}"#,
                "serviceurl"
            ),
            (#"{\#(account),"connectionstring":"AccountKey"}"#, "connectionstring"),
        ]
        for (json, key) in cases {
            let error = #expect(throws: StoreError.self, "\(json)") { try plan(json) }
            #expect(error?.message.hasPrefix(key + ": ") == true, "\(json): \(error?.message ?? "")")
            #expect(error?.kind == .config)
        }
    }

    @Test("A connection string is used, options of their own come first, and no message holds a key")
    func connectionStrings() throws {
        let text =
            "DefaultEndpointsProtocol=https;AccountName=fromstring;AccountKey=c2VjcmV0cw==;EndpointSuffix=core.test"
        let found = try plan(#"{"container":"c","connectionstring":"\#(text)"}"#)
        #expect(found.address.url(ofBlob: "x") == "https://fromstring.blob.core.test/c/x")
        guard case .sharedKey(let key) = found.credentials else { throw Mistake() }
        #expect(key.account == "fromstring")
        let other = try plan(#"{\#(account),"connectionstring":"\#(text)","serviceurl":"https://here"}"#)
        #expect(other.address.account == "acc" && other.address.endpoint.host == "here")
        let signed = "BlobEndpoint=https://x.test;SharedAccessSignature=?sv=2021-12-02&sig=a%2Bb"
        guard case .signature(let items) = try plan(#"{\#(account),"connectionstring":"\#(signed)"}"#).credentials
        else { throw Mistake() }
        #expect(items == [QueryItem("sv", "2021-12-02"), QueryItem("sig", "a+b")])
        let development = try AzureConnectionString("UseDevelopmentStorage=true")
        #expect(
            development.account == "devstoreaccount1" && development.blobEndpoint?.hasPrefix("http://127.0.0.1") == true
        )
        for wrong in [
            "c2VjcmV0c2VjcmV0", "AccountKey=c2VjcmV0;AccountKey=c2VjcmV0", "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0=1",
        ] {
            let error = #expect(throws: StoreError.self) { try AzureConnectionString(wrong) }
            #expect(error?.message.contains("c2VjcmV0") == false)
        }
    }

    @Test("The environment is asked as the platforms set it")
    func environments() throws {
        func identities(_ json: String, _ environment: [String: String]) throws -> [AzureIdentity] {
            guard case .tokens(let found) = try plan(json, environment).credentials else { throw Mistake() }
            return found
        }
        let workload = [
            "AZURE_CLIENT_ID": "client", "AZURE_TENANT_ID": "tenant", "AZURE_FEDERATED_TOKEN_FILE": "/token",
            "AZURE_AUTHORITY_HOST": "https://login.example/",
        ]
        let authority = Endpoint(.https, host: "login.example")
        let expected = AzureIdentity.workload(
            authority: authority, tenant: "tenant", client: "client", tokenFile: "/token")
        #expect(try identities("{\(account)}", workload).first == expected)
        #expect(
            try identities(#"{\#(account),"credentials":{"type":"workload_identity"}}"#, workload) == [expected])
        let machine = AzureIdentity.machine(Endpoint(.http, host: "169.254.169.254"), client: "")
        #expect(try identities("{\(account)}", [:]) == [machine])
        let app = ["IDENTITY_ENDPOINT": "http://127.0.0.1:41/msi/token", "IDENTITY_HEADER": "h"]
        #expect(
            try identities(#"{\#(account),"credentials":{"type":"managed_identity","clientid":"mine"}}"#, app)
                == [
                    .appService(
                        Endpoint(.http, host: "127.0.0.1", port: 41), path: "/msi/token", header: "h", client: "mine")
                ])
    }

    private struct Mistake: Error {}
}
