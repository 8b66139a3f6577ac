import ObjectStoreKit
import PluginKit

/// A new object, as it is sent in one request.
struct NewObject: Sendable {
    var key: String
    var contentType = "application/octet-stream"
    var content: HTTPBody
    var checksum: CRC32C
    var metadata: [String: String] = [:]
}

extension GCSClient {
    /// The name under which a conditional put marks its object, so that one whose answer was lost is recognised.
    private static let mark = "mooring-put"

    /// Stores an object in one request, description and content together. The service refuses what doesn't have the
    /// checksum.
    func insert(
        _ object: NewObject, if condition: Precondition, _ deadline: Deadline
    ) async throws -> GCSObject {
        var object = object
        let mark = SuspendedName.newToken()
        let isConditional = condition.generation != nil
        if isConditional { object.metadata[Self.mark] = mark }
        let boundary = "mooring-\(SuspendedName.newToken())"
        let body = HTTPBody.pieces([
            .bytes(try head(of: object, boundary)), object.content, .text("\r\n--\(boundary)--\r\n"),
        ])
        let key = object.key
        do {
            let response = try await client.send(
                deadline, check: { [self] error in try await check(key, mark, error, deadline) }
            ) { [self] attempt in
                var request = try await request("Insert", .post, uploadPath, subject: key, attempt)
                // Without a condition, storing the same again changes nothing.
                request.isIdempotent = !isConditional
                request.query.append(QueryItem("uploadType", "multipart"))
                request.query.append(contentsOf: creationQuery(if: condition))
                request.headers["Content-Type"] = "multipart/related; boundary=\(boundary)"
                request.body = body
                return request
            }
            return try JSON.decode(GCSObject.self, response.body)
        } catch let error as StoreError {
            throw condition.explain(error)
        }
    }

    /// What became of a conditional put whose answer didn't come.
    private func check(
        _ key: String, _ mark: String, _ error: StoreError, _ deadline: Deadline
    ) async throws -> StoreClient.Outcome {
        do {
            let response = try await client.send(deadline) { [self] attempt in
                var request = try await request("GetMetadata", .get, objectPath(key), subject: key, attempt)
                request.query.append(QueryItem("fields", Self.fields))
                return request
            }
            let object = try JSON.decode(GCSObject.self, response.body)
            return object.metadata[Self.mark] == mark ? .done(response) : .notDone
        } catch let error as StoreError where error.kind == .notFound {
            return .notDone
        }
    }

    /// What the creation of every object brings.
    func creationQuery(if condition: Precondition) -> [QueryItem] {
        var query = [QueryItem("fields", Self.fields)]
        if let generation = condition.generation { query.append(QueryItem("ifGenerationMatch", generation)) }
        if !options.kmsKey.isEmpty { query.append(QueryItem("kmsKeyName", options.kmsKey)) }
        if !options.predefinedACL.isEmpty { query.append(QueryItem("predefinedAcl", options.predefinedACL)) }
        return query
    }

    /// The description of a new object.
    func description(of object: NewObject, withChecksum: Bool) throws -> [UInt8] {
        var description = ObjectDescription(name: object.key, contentType: object.contentType)
        if withChecksum { description.crc32c = GCSHash.text(object.checksum) }
        if !options.storageClass.isEmpty { description.storageClass = options.storageClass }
        if !object.metadata.isEmpty { description.metadata = object.metadata }
        return try JSON.encode(description)
    }

    /// What stands before the content.
    private func head(of object: NewObject, _ boundary: String) throws -> [UInt8] {
        try Array("--\(boundary)\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n".utf8)
            + description(of: object, withChecksum: true)
            + Array("\r\n--\(boundary)\r\nContent-Type: \(object.contentType)\r\n\r\n".utf8)
    }
}

/// What the service is told of a new object.
private struct ObjectDescription: Encodable {
    var name: String
    var contentType: String
    var crc32c: String?
    var storageClass: String?
    var metadata: [String: String]?
}
