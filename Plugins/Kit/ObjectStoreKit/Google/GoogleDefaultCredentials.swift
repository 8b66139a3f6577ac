import Glibc

/// Where Application Default Credentials are looked for, in Google's order.
public enum GoogleDefaultCredentials: Sendable, Equatable {
    /// The file that `GOOGLE_APPLICATION_CREDENTIALS` names; it must be there.
    case named(String)
    /// The file that `gcloud auth application-default login` writes.
    case wellKnown(String)
    /// Neither: the metadata server.
    case metadataServer

    /// What the environment says.
    /// - Parameter exists: whether there is a file.
    public static func find(
        environment: (String) -> String?, exists: (String) -> Bool
    ) -> GoogleDefaultCredentials {
        if let path = environment("GOOGLE_APPLICATION_CREDENTIALS"), !path.isEmpty { return .named(path) }
        let folder =
            environment("CLOUDSDK_CONFIG").flatMap { $0.isEmpty ? nil : $0 }
            ?? environment("HOME").flatMap { $0.isEmpty ? nil : $0 + "/.config/gcloud" }
        guard let folder else { return .metadataServer }
        let path = folder + "/application_default_credentials.json"
        return exists(path) ? .wellKnown(path) : .metadataServer
    }

    /// What the process's environment says.
    public static func find() -> GoogleDefaultCredentials {
        find(environment: { getenv($0).map { String(cString: $0) } }, exists: { access($0, F_OK) == 0 })
    }

    /// Where the metadata server is: `GCE_METADATA_HOST`, else the name that every machine of Google knows.
    public static func metadataEndpoint(_ environment: (String) -> String?) -> Endpoint {
        if let host = environment("GCE_METADATA_HOST"), !host.isEmpty,
            let parsed = Endpoint.parse(host, defaultScheme: .http)
        {
            return parsed.endpoint
        }
        return Endpoint(.http, host: "metadata.google.internal")
    }

    /// As above, from the process's environment.
    public static func metadataEndpoint() -> Endpoint {
        metadataEndpoint { getenv($0).map { String(cString: $0) } }
    }
}
