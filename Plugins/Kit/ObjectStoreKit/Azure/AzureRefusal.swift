/// What the Blob service says when it refuses.
public enum AzureRefusal {
    /// The error that a response means; nil if it means none.
    public static func error(_ request: HTTPRequest, _ response: HTTPResponse) -> StoreError? {
        if response.isSuccess { return nil }
        if request.operation == "GetToken" { return tokenError(response) }
        let document = response.body.isEmpty ? nil : try? XMLElement.parse(response.body)
        let code = response.headers["x-ms-error-code"] ?? document?["Code"]?.text ?? ""
        var error = StoreError(
            response, operation: request.operation, vendorCode: code, vendorMessage: message(document),
            requestID: response.headers["x-ms-request-id"] ?? "")
        if let meaning = meanings[code] {
            error.kind = meaning.kind
            error.retry = meaning.retry
            if error.kind != .unavailable, error.kind != .throttled { error.noEffect = true }
        }
        if response.status == 401 { error.retry = .credentials }
        return error
    }

    /// What the status alone doesn't tell.
    private static let meanings: [String: (kind: StoreError.Kind, retry: StoreError.Retry?)] = [
        "BlobNotFound": (.notFound, nil),
        // Somebody has to look after these; no object is absent.
        "ContainerNotFound": (.config, nil),
        "ResourceNotFound": (.config, nil),
        "ContainerBeingDeleted": (.unavailable, nil),
        "ContainerDisabled": (.unavailable, nil),
        "AccountBeingCreated": (.unavailable, .server),
        "AccountIsDisabled": (.permission, nil),
        "BlobAlreadyExists": (.alreadyExists, nil),
        "InvalidBlockList": (.precondition, nil),
        "PendingCopyOperation": (.busy, nil),
        "LeaseIdMissing": (.busy, nil),
        "ServerBusy": (.throttled, .throttled),
        "OperationTimedOut": (.unavailable, .server),
        "InternalError": (.unavailable, .server),
        "Md5Mismatch": (.corrupt, nil),
        "Crc64Mismatch": (.corrupt, nil),
        "RequestBodyTooLarge": (.invalid, nil),
        "InvalidRange": (.range, nil),
        "BlobArchived": (.unavailable, nil),
        "BlobImmutableDueToPolicy": (.permission, nil),
        "BlobImmutableDueToLegalHold": (.permission, nil),
    ]

    /// The first line of the message, without the request's id and time; of an authentication error also its reason, but
    /// not the text that the service tried to sign, which may hold anything.
    private static func message(_ document: XMLElement?) -> String {
        func line(_ text: String) -> String {
            text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        }
        var text = line(document?["Message"]?.text ?? "")
        if let detail = document?["AuthenticationErrorDetail"]?.text {
            let end =
                detail.firstRange(of: "Server used following")?.lowerBound
                ?? detail.firstRange(of: "String to sign used")?.lowerBound
                ?? detail.endIndex
            text += " " + line(String(detail[..<end]))
        } else if let header = document?["HeaderName"]?.text {
            text += " (\(header))"
        }
        return text
    }

    private static func tokenError(_ response: HTTPResponse) -> StoreError {
        let (code, message) = AzureToken.refusal(response.body)
        var error = StoreError(response, operation: "GetToken", vendorCode: code, vendorMessage: message)
        if response.status == 400 || response.status == 401 {
            error.kind = .permission
            error.retry = nil
        }
        return error
    }
}
