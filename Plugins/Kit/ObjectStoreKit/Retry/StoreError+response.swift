extension StoreError {
    /// A refusal by the store. Class, retry and hint follow from the status; a driver that knows its codes changes them.
    ///
    /// `operation`: such as `PutObject`. The vendor's texts may come straight from the response.
    public init(
        _ response: HTTPResponse, operation: String, vendorCode: String = "", vendorMessage: String = "",
        requestID: String = ""
    ) {
        let status = response.status
        let hint = RetryAfter.nanoseconds(response.headers["Retry-After"], now: .now())
        let isThrottle = Self.throttles.contains(vendorCode) || status == 503 && hint != nil
        self.init(
            isThrottle ? .throttled : Self.kind(of: status), "", cause: .response,
            retry: isThrottle ? .throttled : Self.retry(of: status),
            // What a store refuses it hasn't done. After a failure of its own nobody knows.
            noEffect: isThrottle || (300..<500).contains(status))
        self.status = status
        self.vendorCode = Self.clean(vendorCode, limit: 64)
        self.requestID = Self.clean(requestID, limit: 128)
        if retry != nil { retryAfter = hint }
        let code = vendorCode.isEmpty ? "" : " \(self.vendorCode)"
        let text = vendorMessage.isEmpty ? Self.explanation(of: status) : vendorMessage
        message = Self.clean("\(operation): \(status)\(code): \(text)", limit: 512)
    }

    /// The codes with which stores ask for less.
    private static let throttles: Set<String> = [
        "SlowDown", "ServerBusy", "TooManyRequests", "Throttling", "ThrottlingException", "RequestLimitExceeded",
        "RequestThrottled", "BandwidthLimitExceeded", "rateLimitExceeded", "userRateLimitExceeded",
    ]

    private static func kind(of status: Int) -> Kind {
        switch status {
        case 300..<400: .config
        case 401, 403, 407: .permission
        case 404, 410: .notFound
        case 405, 501: .unsupported
        case 408: .unavailable
        case 409, 412: .precondition
        case 413, 416: .range
        case 429: .throttled
        case 507: .noSpace
        case 400..<500: .invalid
        case 500...: .unavailable
        default: .corrupt
        }
    }

    private static func retry(of status: Int) -> Retry? {
        switch status {
        case 408: .timeout
        case 429: .throttled
        case 501, 505, 507: nil
        case 500...: .server
        default: nil
        }
    }

    private static func explanation(of status: Int) -> String {
        switch status {
        case 300..<400: "the store sends the request elsewhere; check endpoint and region"
        case 401, 403: "the store refuses these credentials"
        case 404: "not found"
        case 407: "the proxy wants credentials"
        case 400..<500: "the store refuses the request"
        case 500...: "the store failed"
        default: "the store's answer makes no sense here"
        }
    }
}

/// The header `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.
enum RetryAfter {
    /// Nanoseconds from now, never negative, at most a day; nil: no header, or nonsense.
    static func nanoseconds(_ value: String?, now: Timestamp) -> Int64? {
        guard let value else { return nil }
        let text = value.filter { $0 != " " }
        let day: Int64 = 86_400
        if !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) {
            return min(Int64(text) ?? day, day) * 1_000_000_000
        }
        guard let date = Timestamp(rfc1123: value) else { return nil }
        let (difference, overflow) = date.unixNanoseconds.subtractingReportingOverflow(now.unixNanoseconds)
        return overflow ? nil : min(max(difference, 0), day * 1_000_000_000)
    }
}
