import ObjectStoreKit
import Testing

/// Where credentials are looked for, and in which order.
@Suite("AWS credentials")
struct CredentialSourceTests {
    private func environment(
        _ variables: [String: String], files: [String: String] = [:]
    ) -> AWSEnvironment {
        AWSEnvironment(variable: { variables[$0] }, file: { files[$0] })
    }

    private let files = [
        "/home/u/.aws/config": """
        [default]
        region = eu-central-1
        [profile team]
        role_arn = arn:aws:iam::123456789012:role/registry
        source_profile = base   # where the keys are
        role_session_name = push
        external_id = e-1
        [profile pod]
        role_arn = arn:aws:iam::123456789012:role/pod
        web_identity_token_file = /var/run/token
        [profile circle]
        role_arn = arn:aws:iam::1:role/a
        source_profile = circle2
        [profile circle2]
        role_arn = arn:aws:iam::1:role/b
        source_profile = circle
        [profile people]
        sso_start_url = https://example.com
        [profile ec2]
        role_arn = arn:aws:iam::1:role/c
        credential_source = Ec2InstanceMetadata
        [sso-session default]
        aws_access_key_id = WRONG
        """,
        "/home/u/.aws/credentials": """
        # keys
        [default]
        aws_access_key_id=AKDEFAULT
        aws_secret_access_key=SECRETDEFAULT
        [base]
        aws_access_key_id = AKBASE
        aws_secret_access_key = SECRET=BASE
        aws_session_token = TOKENBASE
        """,
    ]

    @Test("The environment comes first, then web identity, the shared files, the container, the instance")
    func order() throws {
        var variables = [
            "HOME": "/home/u", "AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "SK", "AWS_SESSION_TOKEN": "T",
            "AWS_WEB_IDENTITY_TOKEN_FILE": "/token", "AWS_ROLE_ARN": "arn:role",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/1",
        ]
        func first(_ files: [String: String]) throws -> AWSCredentialSource {
            try AWSCredentialSource.first(in: environment(variables, files: files), profile: "")
        }
        #expect(
            try first(files)
                == .fixed(AWSCredentials(accessKeyID: "AK", secretAccessKey: "SK", sessionToken: "T")))
        variables["AWS_ACCESS_KEY_ID"] = nil
        #expect(try first(files) == .webIdentity(role: "arn:role", tokenFile: "/token", session: "mooring"))
        variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = nil
        #expect(
            try first(files) == .fixed(AWSCredentials(accessKeyID: "AKDEFAULT", secretAccessKey: "SECRETDEFAULT")))
        #expect(
            try first([:])
                == .container(url: "http://169.254.170.2/v2/credentials/1", token: "", tokenFile: ""))
        variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = nil
        #expect(try first([:]) == .instance(endpoint: "http://169.254.169.254"))
        variables["AWS_EC2_METADATA_DISABLED"] = "true"
        #expect(throws: StoreError.self) { try first([:]) }
    }

    @Test("Profiles: roles with a source, web identity, an instance; what can't be is refused")
    func profiles() throws {
        let here = environment(["HOME": "/home/u"], files: files)
        let base = AWSCredentials(accessKeyID: "AKBASE", secretAccessKey: "SECRET=BASE", sessionToken: "TOKENBASE")
        #expect(
            try AWSCredentialSource.first(in: here, profile: "team")
                == .role(
                    "arn:aws:iam::123456789012:role/registry", .fixed(base), session: "push", externalID: "e-1"))
        #expect(
            try AWSCredentialSource.first(in: here, profile: "pod")
                == .webIdentity(
                    role: "arn:aws:iam::123456789012:role/pod", tokenFile: "/var/run/token", session: "mooring"))
        #expect(
            try AWSCredentialSource.first(in: here, profile: "ec2")
                == .role(
                    "arn:aws:iam::1:role/c", .instance(endpoint: "http://169.254.169.254"), session: "mooring",
                    externalID: ""))
        for name in ["circle", "people", "missing"] {
            let error = #expect(throws: StoreError.self) { try AWSCredentialSource.first(in: here, profile: name) }
            #expect(error?.kind == .config)
        }
        let chosen = environment(["HOME": "/home/u", "AWS_PROFILE": "base"], files: files)
        #expect(try AWSCredentialSource.first(in: chosen, profile: "") == .fixed(base))
    }

    @Test("A container's token goes to agents on the machine, or over TLS, and nowhere else")
    func containerAddress() throws {
        for (url, isFine) in [
            ("http://169.254.170.23/v1/credentials", true), ("http://localhost:1234/x?y=1", true),
            ("https://agent.example.com/x", true), ("http://agent.example.com/x", false),
        ] {
            let here = environment(["AWS_CONTAINER_CREDENTIALS_FULL_URI": url])
            if isFine {
                #expect(
                    try AWSCredentialSource.first(in: here, profile: "")
                        == .container(url: url, token: "", tokenFile: ""))
            } else {
                #expect(throws: StoreError.self) { try AWSCredentialSource.first(in: here, profile: "") }
            }
        }
    }
}
