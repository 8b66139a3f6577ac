import Foundation
import TestSupport
import Testing

@Suite("Azure's credentials", .serialized)
struct AzureCredentialTests {
    /// One way to prove oneself.
    struct Way: Sendable, CustomTestStringConvertible {
        let name: String
        let credentials: String
        var environment: [String: String] = [:]

        var testDescription: String { name }
    }

    private static let tenant = AzureBlobServer.tenant

    @Test(
        "Tokens of every kind work over TLS, and give redirects", .timeLimit(.minutes(3)),
        arguments: [
            "client_secret", "workload_identity", "managed_identity", "app_service", "default_credentials",
        ])
    func tokens(kind: String) async throws {
        let assertion = "header.\(UUID().uuidString).signature"
        try await withTemporaryDirectory { outer in
            let tokenFile = try outer.write(assertion + "\n", to: "token")
            try await AzureRegistry.with(
                arguments: AzureRegistry.identities + ["--federated-token", tokenFile], withTLS: true
            ) { azure in
                let way = way(kind, azure.server, tokenFile)
                let registry = try await azure.start(
                    azure.configuration(redirects: true, credentials: way.credentials), environment: way.environment)
                let blob = try await Blob.random(6_000_000)
                try await registry.connect().push(blob, to: "app")
                let redirect = try await registry.curl("/v2/app/blobs/\(blob.digest)")
                #expect(redirect.status == 307)
                let target = try #require(redirect["Location"])
                #expect(target.contains("skoid=") && target.hasPrefix(azure.server.tlsURL))
                let get = try await registry.curl(target, "--cacert", azure.server.certificate)
                #expect(get.status == 200 && get.body == blob.bytes)
                // What the URL gives a right to is this blob, to be read.
                let put = try await registry.curl(
                    target, "--cacert", azure.server.certificate, "-X", "PUT", "-H", "x-ms-blob-type: BlockBlob", "-d",
                    "x")
                #expect(put.status == 403)
                #expect(try await azure.server.issuedTokens() == 1)
                let log = registry.process.log
                #expect(!log.contains("writer-secret") && !log.contains(assertion) && !log.contains("sig="))
                await registry.process.terminate()
            }
        }
    }

    private func way(_ kind: String, _ server: AzureBlobServer, _ tokenFile: String) -> Way {
        let authority = "https://127.0.0.1:\(server.tlsPort)"
        switch kind {
        case "client_secret":
            return Way(
                name: kind,
                credentials: """
                    {type: client_secret, clientid: writer, tenantid: \(Self.tenant), secret: writer-secret, \
                    authority: "\(authority)"}
                    """)
        case "workload_identity":
            return Way(
                name: kind, credentials: "{type: workload_identity}",
                environment: [
                    "AZURE_CLIENT_ID": "writer", "AZURE_TENANT_ID": Self.tenant,
                    "AZURE_FEDERATED_TOKEN_FILE": tokenFile, "AZURE_AUTHORITY_HOST": authority + "/",
                ])
        case "managed_identity":
            return Way(
                name: kind, credentials: "{type: managed_identity}",
                environment: ["AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:\(server.port)"])
        case "app_service":
            return Way(
                name: kind, credentials: "{type: managed_identity, clientid: writer}",
                environment: [
                    "IDENTITY_ENDPOINT": "http://127.0.0.1:\(server.port)/msi/token", "IDENTITY_HEADER": "app-secret",
                ])
        default:
            return Way(
                name: kind, credentials: "{type: default_credentials}",
                environment: [
                    "AZURE_CLIENT_ID": "writer", "AZURE_TENANT_ID": Self.tenant, "AZURE_CLIENT_SECRET": "writer-secret",
                    "AZURE_AUTHORITY_HOST": authority,
                ])
        }
    }

    @Test("Tokens are fetched anew before they end", .timeLimit(.minutes(1)))
    func refresh() async throws {
        try await AzureRegistry.with(
            arguments: AzureRegistry.identities + ["--token-lifetime", "13"], withTLS: true
        ) { azure in
            let registry = try await azure.start(
                azure.configuration(redirects: false, credentials: "{type: managed_identity}"),
                environment: ["AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:\(azure.server.port)"])
            // A token that is refused at once would fail some of these.
            for _ in 0..<16 {
                try await registry.connect().push(try await Blob.random(1000), to: "app")
                try await Task.sleep(for: .seconds(1))
            }
            let issued = try await azure.server.issuedTokens()
            #expect((2...20).contains(issued), "\(issued)")
            await registry.process.terminate()
        }
    }

    @Test("A shared access signature for the container is enough; it is given to nobody", .timeLimit(.minutes(2)))
    func signature() async throws {
        try await AzureRegistry.with { azure in
            let token = try await azure.python(
                """
                import datetime, sys
                from azure.storage.blob import generate_container_sas
                end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
                print(generate_container_sas("\(AzureBlobServer.account)", "\(AzureRegistry.container)",
                    account_key=sys.argv[2], permission="racwdl", expiry=end))
                """)
            var configuration = azure.configuration(redirects: true)
            configuration.storage = configuration.storage.replacingOccurrences(
                of: "{type: shared_key}, accountkey: \"\(AzureBlobServer.key)\"",
                with: "{type: sas_token, sastoken: \"\(token)\"}")
            let registry = try await azure.start(configuration)
            let blob = try await Blob.random(20_000_000)
            let begun = try await registry.connect().beginUpload(in: "app")
            let patch = try await registry.connect().request("PATCH", begun, body: Data(blob.bytes[..<7_000_000]))
            let location = pathAndQuery(try #require(patch["Location"]))
            let put = try await registry.connect().request(
                "PUT", adding(digest: blob.digest, to: location), body: Data(blob.bytes[7_000_000...]))
            #expect(put.status == 201, "\(put.text)")
            let get = try await registry.curl("/v2/app/blobs/\(blob.digest)")
            #expect(get.status == 200 && get.body == blob.bytes, "served from here: the URL would give all rights away")
            let secret = try #require(token.range(of: "sig=").map { String(token[$0.upperBound...].prefix(20)) })
            #expect(!registry.process.log.contains(secret))
            await registry.process.terminate()
        }
    }

    @Test("Without the right to delegate, blobs are served from here", .timeLimit(.minutes(1)))
    func withoutDelegation() async throws {
        try await AzureRegistry.with(arguments: AzureRegistry.identities, withTLS: true) { azure in
            let registry = try await azure.start(
                azure.configuration(redirects: true, credentials: "{type: managed_identity}"),
                environment: ["AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:\(azure.server.port)"])
            let fault = """
                {"faults":[{"kind":"status","target":"userdelegationkey","times":100,"status":403,\
                "code":"AuthorizationPermissionMismatch"}]}
                """
            try await azure.server.set(fault)
            let blob = try await Blob.random(1000)
            try await registry.connect().push(blob, to: "app")
            let get = try await registry.curl("/v2/app/blobs/\(blob.digest)")
            #expect(get.status == 200 && get.body == blob.bytes)
            await registry.process.terminate()
        }
    }
}
