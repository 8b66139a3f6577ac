import Foundation
import TestSupport
import Testing

/// Sends a row's requests and holds the answers against what it says.
struct RowRunner {
    let row: Row
    private let client: any Client
    private let preparing: any Client
    private var values: [String: String]

    init(_ row: Row, on fleet: Fleet) throws {
        self.row = row
        preparing = try fleet.client()
        client = row.server == .standard ? preparing : try fleet.client(row.server)
        let name = row.id.lowercased().replacing(#/[^a-z0-9]+/#, with: "-")
        values = ["repo": "rows/\(name)", "other": "other/\(name)", "base": client.base]
    }

    mutating func run() async throws {
        for exchange in row.given {
            let answer = try await send(exchange.request, by: preparing)
            try #require(
                answer.status == exchange.status,
                "\(row.id): preparing: \(exchange.request.method) \(exchange.request.target): \(answer.brief)")
        }
        for (number, exchange) in row.steps.enumerated() {
            let answer = try await send(exchange.request, by: client)
            let values = values
            let check = AnswerCheck(
                answer: answer, method: exchange.request.method, target: exchange.request.target,
                place:
                    "\(row.id), request \(number + 1), \(exchange.request.method) \(exchange.request.target.prefix(160))",
                fill: { Self.fill($0, values, isPattern: $1) })
            check.always()
            check(exchange)
        }
    }

    private mutating func send(_ request: Request, by client: any Client) async throws -> RawResponse {
        var request = request
        request.target = Self.fill(request.target, values, isPattern: false)
        request.headers = request.headers.map { ($0.0, Self.fill($0.1, values, isPattern: false)) }
        let answer = try await client.send(request)
        if let location = answer["Location"] {
            let path = pathAndQuery(location)
            values["location"] = path
            values["session"] = String(path.prefix { $0 != "?" })
            values["query"] = String(path.drop { $0 != "?" }.dropFirst())
        }
        if let id = answer["Docker-Upload-UUID"] { (values["earlier"], values["uuid"]) = (values["uuid"], id) }
        if let link = answer["Link"], let end = link.firstIndex(of: ">") {
            values["next"] = pathAndQuery(String(link[..<end].dropFirst()))
        }
        return answer
    }

    private static func fill(_ text: String, _ values: [String: String], isPattern: Bool) -> String {
        guard text.contains("{") else { return text }
        return values.reduce(text) { text, pair in
            let value = isPattern ? NSRegularExpression.escapedPattern(for: pair.value) : pair.value
            return text.replacing("{\(pair.key)}", with: value)
        }
    }
}

/// What follows the host in an absolute or relative address.
func pathAndQuery(_ location: String) -> String {
    guard let scheme = location.range(of: "://") else { return location }
    return String(location[scheme.upperBound...].drop { $0 != "/" })
}

extension RawResponse {
    /// For messages.
    var brief: String {
        "\(status) \(headers.map { "\($0.name): \($0.value)" }.joined(separator: "; ")) \(text.prefix(300))"
    }
}

extension Row {
    /// Runs the row; one with a gap must fail as long as the gap is there.
    func check() async throws {
        let fleet = try #require(Fleet.current)
        guard let gap else {
            var runner = try RowRunner(self, on: fleet)
            return try await runner.run()
        }
        await withKnownIssue(Comment(rawValue: gap)) {
            var runner = try RowRunner(self, on: fleet)
            try await runner.run()
        }
    }
}
