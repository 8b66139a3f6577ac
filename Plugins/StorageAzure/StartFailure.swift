import ObjectStoreKit
import PluginKit

/// Why the container can't be used, said by the parameter that is likely wrong.
enum StartFailure {
    /// One line: the parameter, and what the service said.
    static func explained(_ error: any Error, _ options: AzureOptions) -> PluginError {
        guard let error = error as? StoreError else { return PluginError(wrapping: error) }
        guard let key = parameter(error, options), !error.message.hasPrefix(key) else { return error.pluginError }
        var named = error
        named.message = "\(key): \(error.message)"
        return named.pluginError
    }

    private static func parameter(_ error: StoreError, _ options: AzureOptions) -> String? {
        let endpoint =
            !options.serviceURL.isEmpty
            ? "serviceurl" : options.accountName.isEmpty ? "connectionstring" : "accountname"
        switch error.cause {
        case .resolve, .connect, .firstByte: return endpoint
        case .tls: return "cafile"
        default: break
        }
        switch error.vendorCode {
        case "ContainerNotFound", "ContainerBeingDeleted", "ContainerDisabled": return "container"
        case "ResourceNotFound", "AccountIsDisabled": return endpoint
        case "AuthenticationFailed" where error.message.contains("date header"):
            return "the clock of this machine"
        case "AuthenticationFailed", "AuthorizationFailure", "AuthorizationPermissionMismatch",
            "InvalidAuthenticationInfo", "NoAuthenticationInformation":
            return credential(options)
        default: break
        }
        if error.kind == .permission { return credential(options) }
        return error.status == 0 ? nil : endpoint
    }

    private static func credential(_ options: AzureOptions) -> String {
        switch options.credentials.kind {
        case .sharedKey: return options.accountKey.isEmpty ? "connectionstring" : "accountkey"
        case .sasToken: return options.credentials.sasToken.isEmpty ? "connectionstring" : "credentials/sastoken"
        case .none where !options.accountKey.isEmpty: return "accountkey"
        case .none where !options.connectionString.isEmpty: return "connectionstring"
        default: return "credentials"
        }
    }
}
