import PluginKit
import Synchronization

/// A reader whose bytes come late, in small pieces, or not to the end.
final class ChaosReader: ObjectReader {
    private let inner: any ObjectReader
    private let path: String
    private let chances: Chances
    private let isCut = Atomic<Bool>(false)

    init(_ inner: any ObjectReader, _ path: String, _ chances: Chances) {
        self.inner = inner
        self.path = path
        self.chances = chances
    }

    func next(maximum: Int, _ call: CallContext) async throws -> OwnedBytes {
        try await chances.before(.read, path)
        if chances.hit(.truncate, .read, path) != nil { isCut.store(true, ordering: .relaxed) }
        if isCut.load(ordering: .relaxed) { return OwnedBytes() }
        let isShort = chances.hit(.short, .read, path) != nil
        return try await inner.next(maximum: isShort ? chances.count(upTo: min(maximum, 512)) : maximum, call)
    }
}

/// A writer that takes some of its bytes, or takes them and says it didn't. Its offset is the truth all the same.
final class ChaosWriter: ObjectWriter {
    private let inner: any ObjectWriter
    private let path: String
    private let chances: Chances

    init(_ inner: any ObjectWriter, _ path: String, _ chances: Chances) {
        self.inner = inner
        self.path = path
        self.chances = chances
    }

    var offset: UInt64 { inner.offset }
    var resumeToken: [UInt8] { inner.resumeToken }
    var minimumChunk: UInt32 { inner.minimumChunk }
    var preferredChunk: UInt32 { inner.preferredChunk }

    func write(_ parts: ByteParts, _ call: CallContext) async throws {
        if let rule = chances.hit(.torn, .write, path) {
            let taken = chances.count(upTo: parts.byteCount)
            // Less than a store takes is nothing.
            if taken >= Int(clamping: minimumChunk) {
                try await parts.withPrefix(taken) { try await self.inner.write($0, call) }
            }
            throw rule.error
        }
        try await chances.run(.write, path) { try await inner.write(parts, call) }
    }

    func sync(_ call: CallContext) async throws -> UInt64 {
        try await chances.run(.sync, path) { try await inner.sync(call) }
    }

    func commit(if condition: Precondition, checksum: String, _ call: CallContext) async throws -> ObjectStat {
        try await chances.run(.commit, path) { try await inner.commit(if: condition, checksum: checksum, call) }
    }

    func cancel(_ call: CallContext) async throws {
        try await chances.run(.cancel, path) { try await inner.cancel(call) }
    }

    func close() { inner.close() }
}
