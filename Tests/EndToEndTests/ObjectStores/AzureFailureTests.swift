import Foundation
import TestSupport
import Testing

@Suite("Azure's bad days", .serialized)
struct AzureFailureTests {
    @Test("A wrong parameter ends the start within seconds, with one line that names it", .timeLimit(.minutes(3)))
    func starts() async throws {
        try await AzureRegistry.with(arguments: AzureRegistry.identities, withTLS: true) { azure in
            let good = azure.configuration(redirects: false)
            func changed(_ old: String, _ new: String) -> Configuration {
                var configuration = good
                configuration.storage = configuration.storage.replacingOccurrences(of: old, with: new)
                return configuration
            }
            let free = try FreePort.take()
            let wrongKey = Data("another key".utf8).base64EncodedString()
            let authority = "https://127.0.0.1:\(azure.server.tlsPort)"
            let secret = """
                {type: client_secret, clientid: writer, tenantid: \(AzureBlobServer.tenant), secret: wrong-secret, \
                authority: "\(authority)"}
                """
            let unable = secret.replacingOccurrences(of: "writer", with: "nobody")
            let cases: [(Configuration, [String])] = [
                (changed(AzureBlobServer.key, wrongKey), ["accountkey", "AuthenticationFailed"]),
                (changed("container: registry", "container: missing"), ["container", "ContainerNotFound"]),
                (changed("accountname: devaccount", "accountname: other"), ["accountkey"]),
                (changed(":\(azure.server.port)/", ":\(free)/"), ["serviceurl"]),
                (changed("127.0.0.1:\(azure.server.port)", "no-such-host.invalid"), ["serviceurl"]),
                (azure.configuration(redirects: false, credentials: secret), ["credentials", "AADSTS7000215"]),
                (azure.configuration(redirects: false, credentials: unable), ["credentials", "AADSTS700016"]),
                (changed(azure.server.url, azure.server.tlsURL), ["cafile"]),
                (changed("container: registry, ", ""), ["container"]),
                (changed("type: shared_key", "type: password"), ["credentials.type"]),
                (changed("rootdirectory:", "rootdirectry:"), ["rootdirectry", "rootdirectory"]),
            ]
            for (configuration, words) in cases {
                let (log, seconds) = try await azure.failure(configuration)
                for word in words { #expect(log.contains(word), "\(word) isn't said:\n\(log)") }
                #expect(log.split(separator: "\n").filter { $0.contains("rror") }.count <= 2, "\(log)")
                #expect(!log.contains(AzureBlobServer.key) && !log.contains(wrongKey) && !log.contains("wrong-secret"))
                #expect(seconds < 20, "\(seconds) s:\n\(log)")
            }
        }
    }

    @Test("A clock that is wrong and a missing role are told as such", .timeLimit(.minutes(1)))
    func clockAndRole() async throws {
        try await AzureRegistry.with { azure in
            try await azure.server.set(
                """
                {"faults":[{"kind":"status","times":9,"status":403,"code":"AuthenticationFailed",\
                "message":"Request date header too old: 'Fri, 02 Jan 2026 03:04:05 GMT'"}]}
                """)
            let clock = try await azure.failure(azure.configuration(redirects: false)).log
            #expect(clock.contains("clock") && clock.contains("date header too old"), "\(clock)")
            try await azure.server.set(
                """
                {"faults":[{"kind":"status","times":9,"status":403,"code":"AuthorizationPermissionMismatch"}]}
                """)
            let role = try await azure.failure(azure.configuration(redirects: false)).log
            #expect(role.contains("AuthorizationPermissionMismatch"), "\(role)")
        }
    }

    @Test("A store that throttles, resets, loses answers and stalls costs time and no content", .timeLimit(.minutes(3)))
    func badDays() async throws {
        try await AzureRegistry.with { azure in
            let registry = try await azure.start(azure.configuration(redirects: false))
            let faults = [
                #"{"kind":"status","status":503,"code":"ServerBusy","times":2,"retry_after":1}"#,
                #"{"kind":"status","method":"PUT","status":500,"code":"OperationTimedOut","times":2}"#,
                #"{"kind":"reset_request","method":"PUT","target":"comp=block&","times":2,"bytes":100000}"#,
                #"{"kind":"reset_response","method":"PUT","times":3}"#,
                #"{"kind":"reset_response","method":"HEAD","times":1}"#,
                #"{"kind":"stall","times":2,"seconds":2}"#,
            ]
            for (number, fault) in faults.enumerated() {
                try await azure.server.set("{\"faults\":[\(fault)]}")
                for size in [500, 13_000_000] {
                    let blob = try await Blob.random(size)
                    try await registry.connect().push(blob, to: "app")
                    let get = try await registry.connect().request("GET", "/v2/app/blobs/\(blob.digest)")
                    #expect(get.body == blob.bytes, "fault \(number), \(size) bytes")
                }
            }
            try await azure.server.set("{\"faults\":[]}")
            #expect(try await azure.blobs().filter { $0.hasSuffix(".tmp") }.isEmpty)
            await registry.process.terminate()
        }
    }

    @Test("A body that is cut off is gone on with; one that stays short ends the answer short", .timeLimit(.minutes(2)))
    func shortBodies() async throws {
        try await AzureRegistry.with { azure in
            let registry = try await azure.start(azure.configuration(redirects: false))
            let blob = try await Blob.random(3_000_000)
            try await registry.connect().push(blob, to: "app")
            try await azure.server.set(
                #"{"faults":[{"kind":"truncate","method":"GET","target":"blobs/sha256","times":2,"bytes":1000000}]}"#)
            let get = try await registry.connect().request("GET", "/v2/app/blobs/\(blob.digest)")
            #expect(get.body == blob.bytes)
            try await azure.server.set(
                #"{"faults":[{"kind":"truncate","method":"GET","target":"blobs/sha256","times":1000,"bytes":0}]}"#)
            let result = try await Command.run(
                "curl",
                [
                    "-sS", "-o", "/dev/null", "-w", "%{http_code} %{size_download}",
                    registry.url("/v2/app/blobs/\(blob.digest)"),
                ])
            #expect(!result.isSuccess || !result.text.hasPrefix("200"), "\(result)")
            await registry.process.terminate()
        }
    }

    @Test(
        "A store that can't serve is 503, and one that throttles 429 or 503 with Retry-After", .timeLimit(.minutes(2)))
    func classes() async throws {
        try await AzureRegistry.with { azure in
            let registry = try await azure.start(azure.configuration(redirects: false))
            let blob = try await Blob.random(1000)
            try await registry.connect().push(blob, to: "app")
            try await azure.server.set(
                #"{"faults":[{"kind":"status","status":503,"code":"ServerBusy","times":1000,"retry_after":60}]}"#)
            let busy = try await registry.connect().request("GET", "/v2/app/blobs/\(blob.digest)")
            #expect([429, 503].contains(busy.status) && busy["Retry-After"] != nil, "\(busy.status) \(busy.headers)")
            try await azure.server.set(#"{"faults":[]}"#)
            #expect(try await registry.connect().request("GET", "/v2/app/blobs/\(blob.digest)").body == blob.bytes)
            await registry.process.terminate()
        }
    }
}
