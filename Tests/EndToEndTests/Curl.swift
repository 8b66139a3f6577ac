import Foundation
import TestSupport

/// `curl`, as an operator would type it.
enum Curl {
    /// Runs curl with `arguments` and returns the last response; throws when curl itself fails.
    static func run(_ arguments: [String], input: Data? = nil) async throws -> RawResponse {
        try await withTemporaryDirectory { directory in
            // A HEAD or a 204 leaves no body file unless it is there before.
            try directory.write("", to: "body")
            let fixed = ["-sS", "--max-time", "60", "-D", directory.path("head"), "-o", directory.path("body")]
            try await Command.run("curl", fixed + arguments, input: input).checked()
            let heads = String(decoding: try directory.read("head"), as: UTF8.self)
            return try response(heads: heads, body: try directory.read("body"))
        }
    }

    private static func response(heads: String, body: Data) throws -> RawResponse {
        // 100 Continue comes with a head of its own before the last one.
        let last = heads.components(separatedBy: "\r\n\r\n").last { !$0.isEmpty } ?? ""
        let lines = last.components(separatedBy: "\r\n")
        let start = lines[0].split(separator: " ")
        guard start.count >= 2, let status = Int(start[1]) else { throw RawConnectionError.malformed(lines[0]) }
        let headers = lines.dropFirst().compactMap { line in
            line.firstIndex(of: ":").map { colon in
                (
                    name: String(line[..<colon]),
                    value: line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
                )
            }
        }
        return RawResponse(version: String(start[0]), status: status, headers: headers, body: body)
    }
}

extension Registry {
    /// curl against a path of this registry, or against an absolute address.
    func curl(_ target: String, _ arguments: String..., input: Data? = nil) async throws -> RawResponse {
        try await Curl.run(arguments + [target.hasPrefix("/") ? url(target) : target], input: input)
    }
}
