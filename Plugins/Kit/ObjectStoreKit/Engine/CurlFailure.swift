import CCurl

/// What libcurl says went wrong with a transfer.
struct CurlFailure {
    let error: StoreError

    init(_ code: CURLcode, of transfer: Transfer) {
        let detail = transfer.handle?.errorMessage ?? ""
        let text = detail.isEmpty ? String(cString: curl_easy_strerror(code)) : detail
        let (kind, cause, retry) = Self.meaning(of: code, transfer)
        error = transfer.failure(kind, text, cause: cause, retry: retry)
    }

    private typealias Meaning = (StoreError.Kind, StoreError.Cause, StoreError.Retry?)

    private static func meaning(of code: CURLcode, _ transfer: Transfer) -> Meaning {
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: (.unavailable, .resolve, .connection)
        case CURLE_COULDNT_CONNECT, CURLE_PROXY: (.unavailable, .connect, .connection)
        case CURLE_OPERATION_TIMEDOUT:
            transfer.timesSent == 0
                ? (.unavailable, .connect, .timeout) : (.unavailable, .lowSpeed, .timeout)
        case CURLE_SSL_CONNECT_ERROR: (.unavailable, .tls, .connection)
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CIPHER,
            CURLE_SSL_ISSUER_ERROR, CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_INVALIDCERTSTATUS:
            (.unavailable, .tls, nil)
        case CURLE_PARTIAL_FILE: (.unavailable, .truncated, .connection)
        case CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_SEND_FAIL_REWIND:
            (.unavailable, rupture(of: transfer), .connection)
        case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_BAD_CONTENT_ENCODING:
            (.corrupt, .header, nil)
        case CURLE_TOO_MANY_REDIRECTS: (.config, .response, nil)
        case CURLE_URL_MALFORMAT: (.invalid, .other, nil)
        case CURLE_OUT_OF_MEMORY: (.internalFailure, .other, nil)
        default: (.unavailable, .other, .connection)
        }
    }

    /// Where a connection broke. What came of a body was the beginning of something longer.
    private static func rupture(of transfer: Transfer) -> StoreError.Cause {
        if transfer.timesSent == 0 { return .connect }
        return transfer.head.isComplete ? .truncated : .reset
    }
}
