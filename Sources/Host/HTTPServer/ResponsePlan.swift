import NIOCore
import NIOHTTP1

/// How an answer is framed.
struct ResponsePlan {
    enum Framing: Equatable {
        /// The head says nothing of a length.
        case none
        case length(UInt64)
        case chunked
        /// HTTP/1.0 without a length.
        case untilClose
    }

    var framing: Framing
    /// Whether the body follows; else it is dropped.
    var sendsBody: Bool
    /// Whether the responder's own `Content-Length` goes out.
    var keepsOwnLength: Bool
    /// Whether the connection ends with this answer.
    var closes = false

    /// - Parameter version: of the request
    init(_ response: HTTPResponse, method: HTTPMethod, version: HTTPVersion) {
        let status = response.status.code
        let own = response.headers.first(name: "content-length").flatMap { UInt64($0) }
        let length = response.body.knownLength ?? own
        let isBodiless = status == 204 || status == 304 || status < 200
        sendsBody = !isBodiless && method != .HEAD
        keepsOwnLength = own != nil && !sendsBody && status != 204
        if !sendsBody {
            if !keepsOwnLength, !isBodiless, !response.body.isEmpty, let length {
                framing = .length(length)
            } else {
                framing = .none
            }
        } else if let length {
            framing = .length(length)
        } else {
            framing = version.major == 1 && version.minor == 0 ? .untilClose : .chunked
        }
        if framing == .untilClose { closes = true }
    }
}

extension HTTPResponseBody {
    /// The length, where the body itself tells it.
    var knownLength: UInt64? {
        switch self {
        case .empty: 0
        case .bytes(let buffer): UInt64(buffer.readableBytes)
        case .file(let file): file.length
        case .stream(let length, _): length
        }
    }

    var isEmpty: Bool {
        if case .empty = self { true } else { false }
    }

    /// Releases a body that is not sent.
    func discard() {
        if case .stream(_, let source) = self { source.close() }
    }
}

/// Rules for the fields of an answer.
enum ResponseField {
    /// Whether a field can be written without it becoming something else on the wire.
    static func isLegal(name: String, value: String) -> Bool {
        let nameIsLegal = !name.isEmpty && name.utf8.allSatisfy { $0 > 32 && $0 != 58 && $0 < 127 }
        return nameIsLegal && value.utf8.allSatisfy { $0 != 13 && $0 != 10 && $0 != 0 }
    }

    /// Framing and connection are the server's business.
    static func isForwarded(_ name: String, _ plan: ResponsePlan) -> Bool {
        switch name.utf8.count {
        case 10: !name.matches("connection") && !name.matches("keep-alive")
        case 14: plan.keepsOwnLength || !name.matches("content-length")
        case 17: !name.matches("transfer-encoding")
        default: true
        }
    }
}
