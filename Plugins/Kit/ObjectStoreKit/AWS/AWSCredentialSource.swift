/// One place that credentials come from.
public indirect enum AWSCredentialSource: Sendable, Equatable {
    /// These.
    case fixed(AWSCredentials)
    /// A role that STS gives to who shows the token in a file (`AssumeRoleWithWebIdentity`).
    case webIdentity(role: String, tokenFile: String, session: String)
    /// A role that STS gives to who has other credentials (`AssumeRole`).
    case role(String, AWSCredentialSource, session: String, externalID: String)
    /// The agent of a container on ECS or EKS.
    case container(url: String, token: String, tokenFile: String)
    /// The metadata service of an EC2 instance, version 2.
    case instance(endpoint: String)

    /// The first place that is configured, in the order of Amazon's SDKs: the environment, web identity, the shared files,
    /// the container, the instance. A profile that is asked for by name comes before all of them.
    /// - Throws: `config` if a place is configured wrongly.
    public static func first(
        in environment: AWSEnvironment, profile: String
    ) throws(StoreError) -> AWSCredentialSource {
        if !profile.isEmpty { return try ofProfile(profile, environment, depth: 0) }
        if let key = environment.variable("AWS_ACCESS_KEY_ID"),
            let secret = environment.variable("AWS_SECRET_ACCESS_KEY")
        {
            let token = environment.variable("AWS_SESSION_TOKEN")
            return .fixed(AWSCredentials(accessKeyID: key, secretAccessKey: secret, sessionToken: token))
        }
        if let file = environment.variable("AWS_WEB_IDENTITY_TOKEN_FILE") {
            guard let role = environment.variable("AWS_ROLE_ARN") else {
                throw StoreError(.config, "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN isn't")
            }
            return .webIdentity(
                role: role, tokenFile: file, session: environment.variable("AWS_ROLE_SESSION_NAME") ?? "mooring")
        }
        let name = environment.variable("AWS_PROFILE") ?? "default"
        if environment.variable("AWS_PROFILE") != nil || hasCredentials(environment.profiles[name]) {
            return try ofProfile(name, environment, depth: 0)
        }
        if let source = try container(environment) { return source }
        return try instance(environment)
    }

    // MARK: Profiles

    private static func hasCredentials(_ settings: [String: String]?) -> Bool {
        guard let settings else { return false }
        return ["aws_access_key_id", "role_arn", "credential_process", "sso_session", "sso_start_url"].contains {
            settings[$0]?.isEmpty == false
        }
    }

    private static func ofProfile(
        _ name: String, _ environment: AWSEnvironment, depth: Int
    ) throws(StoreError) -> AWSCredentialSource {
        guard let settings = environment.profiles[name] else {
            throw StoreError(.config, "the shared files of AWS have no profile \"\(name.prefix(64))\"")
        }
        guard depth < 8 else { throw StoreError(.config, "the profiles of AWS name each other in a circle") }
        if let role = settings["role_arn"], !role.isEmpty {
            return try ofRole(role, name, settings, environment, depth: depth)
        }
        if let fixed = fixed(settings) { return fixed }
        if settings["credential_process"] != nil {
            throw StoreError(.config, "profile \"\(name)\" has a credential_process, which a server doesn't run")
        }
        if settings["sso_session"] != nil || settings["sso_start_url"] != nil {
            throw StoreError(.config, "profile \"\(name)\" is one of people who sign in, which a server can't")
        }
        throw StoreError(.config, "profile \"\(name)\" has no aws_access_key_id and no role_arn")
    }

    private static func fixed(_ settings: [String: String]) -> AWSCredentialSource? {
        guard let key = settings["aws_access_key_id"], let secret = settings["aws_secret_access_key"], !key.isEmpty
        else { return nil }
        return .fixed(
            AWSCredentials(accessKeyID: key, secretAccessKey: secret, sessionToken: settings["aws_session_token"]))
    }

    private static func ofRole(
        _ role: String, _ name: String, _ settings: [String: String], _ environment: AWSEnvironment, depth: Int
    ) throws(StoreError) -> AWSCredentialSource {
        let session = settings["role_session_name"] ?? "mooring"
        if let file = settings["web_identity_token_file"] {
            return .webIdentity(role: role, tokenFile: file, session: session)
        }
        let base: AWSCredentialSource
        if let source = settings["source_profile"] {
            // A profile may be its own source, with keys beside the role.
            if source == name, let own = fixed(settings) {
                base = own
            } else {
                base = try ofProfile(source, environment, depth: depth + 1)
            }
        } else {
            base = try ofCredentialSource(settings["credential_source"] ?? "", name, environment)
        }
        return .role(role, base, session: session, externalID: settings["external_id"] ?? "")
    }

    private static func ofCredentialSource(
        _ word: String, _ name: String, _ environment: AWSEnvironment
    ) throws(StoreError) -> AWSCredentialSource {
        switch word {
        case "Environment":
            if let key = environment.variable("AWS_ACCESS_KEY_ID"),
                let secret = environment.variable("AWS_SECRET_ACCESS_KEY")
            {
                let token = environment.variable("AWS_SESSION_TOKEN")
                return .fixed(AWSCredentials(accessKeyID: key, secretAccessKey: secret, sessionToken: token))
            }
        case "EcsContainer":
            if let source = try container(environment) { return source }
        case "Ec2InstanceMetadata": return try instance(environment)
        default: break
        }
        throw StoreError(.config, "profile \"\(name)\" has a role_arn, but nothing to ask for the role with")
    }

    // MARK: Services beside the server

    private static func container(_ environment: AWSEnvironment) throws(StoreError) -> AWSCredentialSource? {
        let token = environment.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN") ?? ""
        let tokenFile = environment.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") ?? ""
        if let path = environment.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            return .container(url: "http://169.254.170.2" + path, token: token, tokenFile: tokenFile)
        }
        guard let url = environment.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") else { return nil }
        // Without TLS a token is shown to nobody but agents on the machine itself.
        guard let (endpoint, _) = Endpoint.parse(url.prefixBeforeQuery),
            endpoint.scheme == .https || isLocal(endpoint.host)
        else {
            throw StoreError(
                .config, "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor an address of this machine")
        }
        return .container(url: url, token: token, tokenFile: tokenFile)
    }

    private static func isLocal(_ host: String) -> Bool {
        ["localhost", "::1", "169.254.170.2", "169.254.170.23", "fd00:ec2::23"].contains(host) || host.hasPrefix("127.")
    }

    private static func instance(_ environment: AWSEnvironment) throws(StoreError) -> AWSCredentialSource {
        if environment.variable("AWS_EC2_METADATA_DISABLED")?.lowercased() == "true" {
            throw StoreError(
                .config,
                "no credentials: none are configured, and not in the environment, the shared files or a container")
        }
        return .instance(
            endpoint: environment.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT") ?? "http://169.254.169.254")
    }
}

extension String {
    /// A URL up to its query.
    var prefixBeforeQuery: String { String(prefix { $0 != "?" }) }
}
