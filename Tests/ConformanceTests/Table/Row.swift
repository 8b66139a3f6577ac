import Foundation
import Testing

/// One requirement shown on the wire: what is there first, the requests, and the exact answers.
///
/// Targets, header values and patterns may hold `{repo}` and `{other}` (two repositories that no other row uses),
/// `{base}` (scheme and host as the client knows them), `{location}` (path and query of the last `Location`), `{session}`
/// (its path alone), `{query}` (its query alone), `{uuid}` (the last `Docker-Upload-UUID`), `{earlier}` (the one before) and
/// `{next}` (the target of the last `Link`).
struct Row: Sendable, CustomTestStringConvertible {
    /// `area.what.how`; the key by which `docs/conformance.md` names the row.
    let id: String
    /// What it shows, in one sentence without a full stop.
    let says: String
    /// The keys of the requirements it shows.
    let covers: [String]
    /// What the requests below find; every one of them must succeed.
    var given: [Exchange] = []
    /// Who answers ``steps``; ``given`` always goes to ``ServerKind/standard``, which has the same root.
    var server = ServerKind.standard
    /// Where the row can be sent.
    var reach = Reach.everywhere
    let steps: [Exchange]

    init(
        _ id: String, _ says: String, _ covers: [String], given: [Exchange] = [], server: ServerKind = .standard,
        reach: Reach = .everywhere, _ steps: Exchange...
    ) {
        (self.id, self.says, self.covers, self.given) = (id, says, covers, given)
        (self.server, self.reach, self.steps) = (server, reach, steps)
    }

    init(_ id: String, _ says: String, _ covers: [String], given: [Exchange] = [], steps: [Exchange]) {
        (self.id, self.says, self.covers, self.given, self.steps) = (id, says, covers, given, steps)
    }

    /// Why the answers are not yet what they must be; nil where they are.
    var gap: String? { KnownGaps.reasons.first { id.hasPrefix($0.rows) }?.why }

    var testDescription: String { "\(id): \(says)" }

    /// Whether a row makes sense in a version of HTTP.
    enum Reach: Sendable {
        case everywhere
        /// It is about what only HTTP/1.1 has, or what HTTP/2 clients cannot send.
        case http1
    }
}

/// The configurations that rows need.
enum ServerKind: String, CaseIterable, Sendable {
    /// Deletion allowed.
    case standard
    /// Deletion not allowed, as is Distribution's default.
    case deletesOff
    /// `storage.maintenance.readonly`.
    case readOnly
    /// `http.relativeurls`.
    case relativeURLs
    /// `http.host: https://registry.example`.
    case fixedHost
    /// `http.prefix: /hub/`.
    case prefixed
    /// `catalog.maxentries` and `tags.maxtags` of 3.
    case smallPages
    /// Children of indexes need not exist, and layers may lie below `https://example.com/` and `https://store.example.com/`.
    case sparse
    /// A header for every answer.
    case headers
}
