import NIOCore
import RegistryModel
import RegistryStorage
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Faults of the storage")
struct FaultTests {
    /// All that a client does to push an image: its blobs in all ways, and its manifest by a tag.
    private static func push(_ image: Image, _ registry: Registry) async throws {
        let name = try name("a/b")
        try await registry.push(image.config, to: name)
        for (index, layer) in image.layers.enumerated() {
            let digest = digest(of: layer, index == 1 ? .sha512 : .sha256)
            var session = try registry.beginUpload(name)
            let half = layer.utf8.count / 2
            if index > 0 {
                session = try await registry.append(
                    .text(String(layer.prefix(half))), to: UploadReference(name, session), at: nil)
            }
            try await registry.commitUpload(
                UploadReference(name, session), digest: digest,
                body: .text(index > 0 ? String(layer.dropFirst(half)) : layer), at: nil)
        }
        try await registry.put(image.manifest, to: name, .tag(try Tag("latest")))
    }

    private static let image = Image(layers: ["in place", "staged, by SHA-512", "staged, by SHA-256"])

    /// Calls whose failure is nobody's business: the client has what it wants, or has been told already.
    private static func isCleaning(_ call: TestStorage.Call) -> Bool {
        call.kind == .suspend || (call.kind == .removeTree && call.path.contains("/_uploads/"))
    }

    /// Calls that either happen or don't: they can't have done their work and fail.
    private static func isAllOrNothing(_ call: TestStorage.Call) -> Bool {
        [.write, .create, .append, .take, .openReader, .read].contains(call.kind)
    }

    /// What may be seen at any time: every link leads somewhere, and all data is what its name says.
    private func check(_ storage: TestStorage, _ comment: Comment) throws {
        let objects = storage.objects
        for (path, bytes) in objects {
            let segments = path.split(separator: "/")
            if segments[3] == "blobs" {
                #expect(ContentHasher.digest(.sha256, of: bytes).hex == segments[6], comment)
                continue
            }
            guard segments.last == "link" else { continue }
            let target = try Digest(String(buffer: bytes))
            #expect(objects[RegistryLayout.blobData(target).string] != nil, comment)
            if path.contains("/tags/") {
                #expect(objects[RegistryLayout.revisionLink(try name("a/b"), target).string] != nil, comment)
            }
        }
        #expect(storage.violations.isEmpty, comment)
    }

    private func blobsAndLinks(_ storage: TestStorage) -> [String: String] {
        storage.objects.filter { !$0.key.contains("/_uploads/") }.mapValues(String.init(buffer:))
    }

    @Test("Data before link, link before tag")
    func order() async throws {
        let storage = TestStorage()
        try await Self.push(Self.image, Registry(storage))
        let changes = storage.calls.filter { [.put, .commit, .move].contains($0.kind) }.map(\.path)
        var seen: Set<String> = []
        for path in changes {
            seen.insert(path)
            guard path.hasSuffix("/link"), let bytes = storage.objects[path] else { continue }
            let target = try Digest(String(buffer: bytes))
            #expect(seen.contains(RegistryLayout.blobData(target).string), "\(path)")
            if path.contains("/tags/") {
                #expect(seen.contains(RegistryLayout.revisionLink(try name("a/b"), target).string))
            }
        }
        let tag = changes.filter { $0.contains("/tags/") }
        #expect(tag.map { $0.contains("/current/") } == [true, false], "the tag is whole as soon as it is listed")
        try check(storage, "after a push")
    }

    @Test(
        "Whichever call of a push fails, nothing partial is seen, and the push can be repeated",
        arguments: [false, true], Keeping.allCases)
    func everyCall(lost: Bool, keeping: Keeping) async throws {
        let clean = keeping.storage()
        try await Self.push(Self.image, Registry(clean))
        let calls = clean.calls
        try #require(calls.count > 40)
        for (number, call) in calls.enumerated() where !(lost && Self.isAllOrNothing(call)) {
            let comment: Comment = "call \(number): \(call.kind) \(call.path)"
            let storage = keeping.storage()
            let registry = Registry(storage)
            storage.fail { _, current in
                guard current == number else { return nil }
                let error = StorageError(.unavailable, "injected")
                return lost ? .after(error) : .before(error)
            }
            let error = await failure { try await Self.push(Self.image, registry) }
            // A commit at the blob's own place that lost its answer is found to have done its work.
            let isMade = lost && keeping == .adopted && call.kind == .commit
            if !Self.isCleaning(call), !isMade || error != nil { #expect(error?.code == .unavailable, comment) }
            storage.fail(nil)
            try check(storage, comment)
            try await Self.push(Self.image, registry)
            #expect(blobsAndLinks(storage) == blobsAndLinks(clean), comment)
        }
    }

    /// A session before its last request, and that request.
    private struct LastRequest {
        let staged: String
        let body: String
        let algorithm: RegistryModel.Digest.Algorithm

        static let all = [
            LastRequest(staged: "", body: "whole", algorithm: .sha256),
            LastRequest(staged: "all", body: "", algorithm: .sha256),
            LastRequest(staged: "some", body: " and the rest", algorithm: .sha256),
            LastRequest(staged: "some", body: " and the rest", algorithm: .sha512),
        ]
    }

    @Test(
        "Whichever call of a PUT fails, the same PUT on the same session succeeds later",
        arguments: [false, true], Keeping.allCases)
    func repeatedPut(lost: Bool, keeping: Keeping) async throws {
        for request in LastRequest.all {
            var number = 0
            var isDone = false
            while !isDone {
                isDone = try await put(request, keeping.storage(), failing: number, lost)
                number += 1
            }
            #expect(number > 4)
        }
    }

    /// Whether there was no such call any more.
    private func put(
        _ request: LastRequest, _ storage: TestStorage, failing number: Int, _ lost: Bool
    ) async throws -> Bool {
        let registry = Registry(storage)
        let name = try name("a/b")
        var session = try registry.beginUpload(name)
        if !request.staged.isEmpty {
            session = try await registry.append(.text(request.staged), to: UploadReference(name, session), at: nil)
        }
        let reference = UploadReference(name, session)
        let digest = digest(of: request.staged + request.body, request.algorithm)
        storage.forget()
        storage.fail { call, current in
            guard current == number, !(lost && Self.isAllOrNothing(call)) else { return nil }
            let error = StorageError(.unavailable, "injected")
            return lost ? .after(error) : .before(error)
        }
        let error = await failure {
            try await registry.commitUpload(reference, digest: digest, body: .text(request.body), at: nil)
        }
        let comment: Comment = "\(request) call \(number) of \(storage.calls)"
        let isPast = storage.calls.count <= number
        storage.fail(nil)
        try check(storage, comment)
        if error != nil {
            let again = await failure {
                try await registry.commitUpload(reference, digest: digest, body: .text(request.body), at: nil)
            }
            #expect(again == nil, "\(comment): \(String(describing: again))")
        }
        #expect(try await registry.text(name, digest) == request.staged + request.body, comment)
        try check(storage, comment)
        return isPast
    }

    @Test("Storage errors become what a client can act on")
    func mapping() async throws {
        let expected: [(StorageError.Code, RegistryErrorCode, Int?)] = [
            (.throttled, .tooManyRequests, nil), (.unavailable, .unavailable, nil), (.timeout, .unavailable, nil),
            (.busy, .unavailable, nil), (.shutdown, .unavailable, nil), (.cancelled, .unavailable, nil),
            (.noSpace, .unavailable, nil), (.precondition, .unavailable, nil), (.permission, .unavailable, nil),
            (.unauthenticated, .unavailable, nil),
            (.invalidArgument, .nameInvalid, nil), (.internal, .unknown, nil), (.corrupt, .unknown, nil),
        ]
        for (code, wanted, status) in expected {
            let storage = TestStorage()
            storage.fail { _, _ in .before(StorageError(code, "secret detail")) }
            let error = await failure { _ = try await Registry(storage).blobStatus(try name("a"), digest(of: "x")) }
            #expect(error?.code == wanted, "\(code)")
            #expect(error?.status == status, "\(code)")
            #expect(error?.message.contains("secret") == false)
            #expect(error?.cause?.code == code)
        }
    }

    @Test("A throttled storage passes on how long to wait")
    func retryAfter() async throws {
        let storage = TestStorage()
        storage.fail { _, _ in
            var error = StorageError(.throttled, "slow down")
            error.retryAfter = .seconds(7)
            return .before(error)
        }
        let error = await failure { _ = try await Registry(storage).tags(try name("a"), after: nil, limit: nil) }
        #expect(error?.retryAfter == .seconds(7))
        #expect(error?.code.httpStatus == 429)
    }

    @Test("Cleaning up goes on although the request was cancelled")
    func cancelledRequest() async throws {
        let storage = TestStorage()
        let registry = Registry(storage)
        storage.fail { call, _ in
            call.kind == .cancel && Task.isCancelled ? .before(StorageError(.cancelled, "cancelled")) : nil
        }
        let name = try name("a")
        let task = Task {
            let body = UploadBody(length: 10) {
                withUnsafeCurrentTask { $0?.cancel() }
                throw CancellationError()
            }
            try await registry.push(body, digest(of: "x"), to: name)
        }
        #expect(await failure { try await task.value } != nil)
        #expect(storage.suspendedPaths.isEmpty)
    }
}
