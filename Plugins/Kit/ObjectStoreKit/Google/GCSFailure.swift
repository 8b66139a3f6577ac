/// What the JSON API's refusals mean (<https://cloud.google.com/storage/docs/json_api/v1/status-codes>).
public enum GCSFailure {
    private struct Envelope: Decodable {
        struct Body: Decodable {
            struct Detail: Decodable { let reason: String? }
            let message: String?
            let errors: [Detail]?
            let status: String?
        }

        let error: Body
    }

    /// The refusal as an error with the vendor's reason and words.
    public static func error(_ request: HTTPRequest, _ response: HTTPResponse) -> StoreError {
        let body = (try? JSON.decode(Envelope.self, response.body))?.error
        let reason = body?.errors?.first?.reason ?? body?.status ?? ""
        var error = StoreError(
            response, operation: request.operation, vendorCode: reason,
            vendorMessage: body?.message ?? plainText(response),
            requestID: response.headers["X-GUploader-UploadID"] ?? "")
        switch response.status {
        case 401: error.retry = .credentials
        case 403 where throttles.contains(reason):
            error.kind = .throttled
            error.retry = .throttled
        case 412: error.kind = .precondition
        default: break
        }
        return error
    }

    /// Limits that Google tells with 403.
    private static let throttles: Set<String> = [
        "rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded",
    ]

    /// Media requests are refused in plain text, or in HTML, which says nothing.
    private static func plainText(_ response: HTTPResponse) -> String {
        guard response.body.count <= 4096 else { return "" }
        let text = response.body.text
        return text.hasPrefix("<") || text.hasPrefix("{") ? "" : text
    }
}
