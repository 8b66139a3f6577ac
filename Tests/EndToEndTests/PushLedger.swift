import Foundation
import TestSupport
import Testing

/// What clients have begun to push, and what the registry has acknowledged.
actor PushLedger {
    /// For the reader of a test's output.
    struct Figures: CustomStringConvertible {
        var blobs = 0
        var manifests = 0
        var tags = 0
        var resumed = 0
        var deletions = 0
        var referrers = 0
        /// Tags that are listed and lead nowhere.
        var unfinishedTags = 0

        var description: String {
            "\(blobs) blobs, \(manifests) manifests and \(tags) tags acknowledged, \(deletions) deletions, "
                + "\(referrers) times a referrer in its list, \(resumed) uploads resumed, \(unfinishedTags) tags listed without a link"
        }
    }

    private struct TagState {
        var acknowledged: String?
        var begun: String?
        /// Its deletion has begun.
        var isGoing = false
    }

    private(set) var figures = Figures()
    private var blobs: [String: Blob] = [:]
    private var images: [String: ImageManifest] = [:]
    private var acknowledged: Set<String> = []
    private var tags: [String: TagState] = [:]
    /// Blobs and manifests whose deletion has begun, and those of which it was acknowledged. Nobody pushes them again.
    private var going: Set<String> = []
    private var gone: Set<String> = []
    private var uploads: [Int: InterruptedUpload] = [:]
    private var nextUpload = 0
    /// What happened since the last check.
    private var recent: (blobs: Set<String>, images: Set<String>, tags: Set<String>) = ([], [], [])

    /// An image that no other client has, but for a small blob.
    static func image() async throws -> ImageManifest {
        try await ImageManifest(layers: [
            Blob.random(Int.random(in: 1000...150_000)), Blob("common to all of \(Int.random(in: 0..<50))"),
        ])
    }

    // MARK: Pushing

    func begin(blob: Blob) {
        blobs[blob.digest] = blob
        recent.blobs.insert(blob.digest)
    }

    func acknowledge(blob: Blob) {
        if acknowledged.insert(blob.digest).inserted { figures.blobs += 1 }
    }

    func begin(_ image: ImageManifest, reference: String) {
        let digest = image.manifest.digest
        images[digest] = image
        if reference == digest {
            recent.images.insert(digest)
        } else {
            recent.tags.insert(reference)
            tags[reference, default: TagState()].begun = digest
        }
    }

    func acknowledge(_ image: ImageManifest, reference: String) {
        let digest = image.manifest.digest
        if reference == digest {
            if acknowledged.insert(digest).inserted { figures.manifests += 1 }
        } else {
            tags[reference] = TagState(acknowledged: digest)
            figures.tags += 1
        }
    }

    func note(_ upload: InterruptedUpload, as key: Int?) -> Int {
        nextUpload += 1
        uploads[key ?? nextUpload] = upload
        return key ?? nextUpload
    }

    func forgetUpload(_ key: Int) { uploads[key] = nil }

    // MARK: Deleting

    /// - Parameter digest: the manifest's, if that goes too.
    func beginDeletion(ofTag tag: String, manifest digest: String?) {
        tags[tag, default: TagState()].isGoing = true
        recent.tags.insert(tag)
        if let digest { beginDeletion(of: digest) }
    }

    func acknowledgeDeletion(ofTag tag: String, manifest digest: String?) {
        tags[tag] = TagState()
        if let digest { acknowledgeDeletion(of: digest) } else { figures.deletions += 1 }
    }

    func beginDeletion(of digest: String) {
        going.insert(digest)
        if images[digest] == nil { recent.blobs.insert(digest) } else { recent.images.insert(digest) }
    }

    func acknowledgeDeletion(of digest: String) {
        gone.insert(digest)
        figures.deletions += 1
    }

    /// Whether something may be absent; what is gone must be.
    private func mayBeAbsent(_ digest: String) -> Bool { !acknowledged.contains(digest) || going.contains(digest) }

    // MARK: Looking

    /// Checks what was pushed since the last time.
    func checkAfterRestart(of registry: Registry) async throws {
        let connection = try await registry.connect()
        try await check(recent.blobs, recent.images, over: connection)
        for tag in recent.tags { try await check(tag: tag, over: connection) }
        recent = ([], [], [])
    }

    func checkEverything(at registry: Registry) async throws {
        let connection = try await registry.connect()
        try await check(Set(blobs.keys), Set(images.keys), over: connection)
        for tag in tags.keys { try await check(tag: tag, over: connection) }
        let listed = try await connection.request("GET", "/v2/app/tags/list").json["tags"] as? [String] ?? []
        #expect(Set(listed).isSubset(of: tags.keys))
        #expect(Set(listed).isSuperset(of: tags.filter { $0.value.acknowledged != nil }.keys))
        figures.unfinishedTags = listed.filter { tags[$0]?.acknowledged == nil }.count
    }

    /// Whole if acknowledged, whole or absent if not.
    private func check(_ digests: Set<String>, _ manifests: Set<String>, over connection: RawConnection) async throws {
        for digest in digests {
            let response = try await connection.request("GET", "/v2/app/blobs/\(digest)")
            if response.status == 404, mayBeAbsent(digest) { continue }
            let isWhole = response.status == 200 && response.body == blobs[digest]?.bytes
            #expect(isWhole && !gone.contains(digest), "blob \(digest): \(response.status)")
        }
        for digest in manifests { try await check(manifest: digest, by: digest, over: connection) }
    }

    private func check(tag: String, over connection: RawConnection) async throws {
        guard let state = tags[tag] else { return }
        let response = try await connection.request("HEAD", "/v2/app/manifests/\(tag)")
        let found = response.status == 200 ? response["Docker-Content-Digest"] : nil
        let isExpected =
            found == nil && state.isGoing || found == state.acknowledged || found != nil && found == state.begun
        #expect(isExpected, "\(tag): \(response.status)")
        tags[tag] = TagState(acknowledged: found)
        if let found { try await check(manifest: found, by: tag, over: connection) }
    }

    /// A manifest that can be read leads to blobs that can be read.
    private func check(manifest digest: String, by reference: String, over connection: RawConnection) async throws {
        let response = try await connection.request("GET", "/v2/app/manifests/\(reference)")
        if response.status == 404, reference == digest, mayBeAbsent(digest) { return }
        let image = images[digest]
        let isWhole = response.status == 200 && response.body == image?.manifest.bytes
        #expect(isWhole && !gone.contains(digest), "\(reference): \(response.status)")
        if let subject = image?.subject { try await check(referrer: digest, of: subject, over: connection) }
        for blob in image?.blobs ?? [] {
            #expect(try await connection.request("HEAD", "/v2/app/blobs/\(blob.digest)").status == 200)
        }
    }

    /// A manifest that can be read is among the referrers of its subject, and so is nothing that can't.
    private func check(referrer digest: String, of subject: String, over connection: RawConnection) async throws {
        let list = try await connection.request("GET", "/v2/app/referrers/\(subject)")
        let digests = (list.json["manifests"] as? [[String: Any]] ?? []).compactMap { $0["digest"] as? String }
        #expect(digests.contains(digest), "\(list.status)")
        for other in digests {
            #expect(images[other]?.subject == subject)
            #expect(try await connection.request("HEAD", "/v2/app/manifests/\(other)").status == 200)
        }
        figures.referrers += 1
    }

    /// Ends the uploads that were cut off, from where the registry says they are.
    func resumeUploads(at registry: Registry) async throws {
        let interrupted = uploads
        uploads = [:]
        let connection = try await registry.connect()
        for var upload in interrupted.values {
            let isOver = try await !upload.findEnd(over: connection)
            if !isOver { try await upload.finish(over: connection) { _ in } }
            let response = try await connection.request("GET", "/v2/app/blobs/\(upload.blob.digest)")
            let isWhole = response.body == upload.blob.bytes
            #expect(isWhole, "\(response.status) after an upload that was resumed; over: \(isOver)")
            acknowledge(blob: upload.blob)
            figures.resumed += 1
        }
    }
}

/// An upload by PATCH and PUT, as far as its client knows.
struct InterruptedUpload: Sendable {
    let blob: Blob
    var location: String
    /// Bytes that the registry said it has.
    var acknowledged = 0
    /// The PUT that ends it has been sent, and perhaps done.
    var isClosing = false

    init(blob: Blob, location: String) {
        self.blob = blob
        self.location = location
    }

    /// Sends the rest in pieces; `note` hears of each step.
    mutating func finish(over connection: RawConnection, note: (InterruptedUpload) async -> Void) async throws {
        let piece = max(1, blob.bytes.count / 3)
        while acknowledged < blob.bytes.count {
            try await patch(piece, over: connection)
            await note(self)
        }
        isClosing = true
        await note(self)
        let response = try await connection.request("PUT", adding(digest: blob.digest, to: location), body: Data())
        guard response.status == 201 else { throw UnexpectedResponse(response) }
    }

    /// Sends the next bytes, at most `count`.
    mutating func patch(_ count: Int, over connection: RawConnection) async throws {
        let bytes = blob.bytes.dropFirst(acknowledged).prefix(count)
        let end = acknowledged + bytes.count
        let headers = [("Content-Range", "\(acknowledged)-\(end - 1)")]
        let response = try await connection.request("PATCH", location, headers: headers, body: Data(bytes))
        guard response.status == 202 else { throw UnexpectedResponse(response) }
        try take(response)
        #expect(acknowledged == end)
    }

    /// Asks where to go on; `false`: the upload had come to its end.
    mutating func findEnd(over connection: RawConnection) async throws -> Bool {
        let response = try await connection.request("GET", location)
        if isClosing, response.status == 404 { return false }
        let known = acknowledged
        guard response.status == 204 else { throw UnexpectedResponse(response) }
        try take(response)
        #expect(acknowledged >= known, "acknowledged bytes of an upload were lost")
        isClosing = false
        return true
    }

    private mutating func take(_ response: RawResponse) throws {
        guard let last = response["Range"]?.split(separator: "-").last.flatMap({ Int($0) }),
            let next = response["Location"]
        else { throw UnexpectedResponse(response) }
        // "0-0" says nothing, or one byte; no piece is one byte.
        acknowledged = last == 0 ? 0 : last + 1
        location = pathAndQuery(next)
    }
}
