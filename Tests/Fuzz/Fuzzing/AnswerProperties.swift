import Foundation
import HTTPServer
import NIOHTTP1
import RegistryHTTP
import RegistryModel

/// What holds for every answer of the API.
struct AnswerProperties {
    let request: HTTPRequest
    let settings: RegistryHTTPSettings
    let answer: Answer

    /// The statuses that the API gives when nothing is wrong with the server.
    static let statuses: Set<Int> = [200, 201, 202, 204, 206, 301, 304, 400, 404, 405, 412, 413, 414, 416]

    func check() throws {
        try require(Self.statuses.contains(answer.status), "the status")
        try checkHeaders()
        try checkLength()
        try checkRange()
        try checkLocation()
        if answer.status >= 400 { try checkEnvelope() }
    }

    private func require(_ condition: Bool, _ what: String) throws {
        try hold(
            condition,
            """
            \(what): \(request.method.rawValue) \(request.target.prefix(500)) \(request.headers) → \
            \(answer.status) \(answer.headers) \(String(decoding: answer.body.prefix(500), as: UTF8.self))
            """)
    }

    private func checkHeaders() throws {
        var names: Set<String> = []
        for (name, value) in answer.headers {
            try require(names.insert(name.lowercased()).inserted, "\(name) twice")
            let isToken = name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") }
            try require(!name.isEmpty && isToken, "the name of a header")
            try require(!value.utf8.contains { $0 < 0x20 || $0 == 0x7F }, "a control character in \(name)")
            try require(!value.isEmpty, "nothing in \(name)")
        }
        let isProbe = answer.status == 200 && answer["Docker-Distribution-API-Version"] == nil
        try require(!isProbe || answer.body.isEmpty, "an answer without the API's version")
    }

    private func checkLength() throws {
        if request.method == .HEAD || [204, 304].contains(answer.status) {
            try require(answer.body.isEmpty, "a body where none may be")
        }
        if answer.status == 204 || answer.status == 304 {
            try require(answer["Content-Length"] == nil, "a length where none may be")
        } else if let text = answer["Content-Length"] {
            try require(text.allSatisfy(\.isNumber) && UInt64(text) != nil, "Content-Length")
            if request.method != .HEAD {
                try require(Int(text) == answer.body.count, "Content-Length isn't the body's")
            }
        }
        if let promised = answer.promised {
            try require(promised == answer.body.count, "the stream has another length than it said")
        }
    }

    private func checkRange() throws {
        guard answer.status == 206 else {
            return try require(answer.status == 416 || answer["Content-Range"] == nil, "Content-Range without 206")
        }
        let isMultipart = answer["Content-Type"]?.hasPrefix("multipart/byteranges") == true
        if isMultipart { return }
        let text = answer["Content-Range"] ?? ""
        let numbers = text.split { !$0.isNumber }.compactMap { UInt64($0) }
        try require(text.hasPrefix("bytes ") && numbers.count == 3, "206 without Content-Range")
        let (first, last, all) = (numbers[0], numbers[1], numbers[2])
        try require(first <= last && last < all, "Content-Range")
        try require(last - first + 1 == answer.body.count || request.method == .HEAD, "another range than it says")
    }

    /// Where clients are sent: below the API, at a host that they named or that is configured.
    private func checkLocation() throws {
        guard let location = answer["Location"] else { return }
        try require(location.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "Location has what no URL has")
        guard !location.hasPrefix("/"), let scheme = location.firstRange(of: "://") else {
            // `//` is `/` with a slash too many: the path that load balancers ask for.
            let isProbe = location == "/" || location.hasPrefix("/?")
            let isLocal = isProbe || location.hasPrefix("\(settings.prefix)v2")
            return try require(isLocal, "Location leads elsewhere")
        }
        try require(["http", "https"].contains(location[..<scheme.lowerBound]), "the scheme of Location")
        let authority = location[scheme.upperBound...].prefix { $0 != "/" }
        let path = location[authority.endIndex...]
        try require(path.hasPrefix("\(settings.prefix)v2/"), "the path of Location")
        try require(URLComponents(string: location)?.host?.isEmpty == false, "Location is no URL")
        let named = ["Host", "X-Forwarded-Host", "Forwarded"].flatMap { request.headers[$0] }
        let known = settings.host.map { location.hasPrefix($0 + "/") } ?? named.contains { $0.contains(authority) }
        try require(known, "a host that the client doesn't know")
        try require(!authority.contains("@"), "user information in Location")
    }

    private func checkEnvelope() throws {
        try require(answer["Content-Type"] == "application/json", "the type of an error")
        if request.method == .HEAD {
            return try require((answer["Content-Length"].flatMap { Int($0) } ?? 0) > 0, "the length of an error")
        }
        let object = try? JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any]
        try require(object?.keys.sorted() == ["errors"], "an error without its envelope")
        let errors = object?["errors"] as? [[String: Any]] ?? []
        try require(!errors.isEmpty, "an envelope without an error")
        for error in errors {
            let code = (error["code"] as? String).flatMap(RegistryErrorCode.init)
            try require(code != nil && code != .unknown, "an unknown code")
            try require((error["message"] as? String)?.isEmpty == false, "an error without a message")
        }
    }
}
