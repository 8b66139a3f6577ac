import NIOCore
import RegistryStorage
import Synchronization
import Testing

// Operations as tests like them: paths as text, contents as arrays.

extension StorageDriver {
    @discardableResult
    func put(_ path: String, _ bytes: [UInt8], if condition: StorageCondition? = nil) async throws -> StorageStat {
        try await put(ByteBuffer(bytes: bytes), at: try StoragePath(path), if: condition)
    }

    func get(_ path: String, limit: Int = 1 << 28) async throws -> [UInt8] {
        [UInt8](try await content(at: try StoragePath(path), limit: limit).readableBytesView)
    }

    func look(_ path: String) async throws -> StorageStat { try await stat(try StoragePath(path)) }

    func reader(_ path: String, from offset: UInt64 = 0, length: UInt64? = nil) async throws -> any StorageReader {
        try await openReader(at: try StoragePath(path), offset: offset, length: length)
    }

    /// The bytes that a reader serves.
    func read(
        _ path: String, from offset: UInt64 = 0, length: UInt64? = nil, chunk: Int = 1 << 20
    ) async throws -> [UInt8] {
        let reader = try await reader(path, from: offset, length: length)
        defer { reader.close() }
        return try await reader.rest(chunk: chunk)
    }

    func writer(_ path: String, hint: UInt64? = nil) async throws -> any StorageWriter {
        try await openWriter(at: try StoragePath(path), mode: .create, sizeHint: hint)
    }

    /// A writer that goes on where another one stopped.
    func append(_ path: String, at offset: UInt64? = nil, token: [UInt8] = []) async throws -> any StorageWriter {
        try await openWriter(
            at: try StoragePath(path), mode: .append(offset: offset, resumeToken: token), sizeHint: nil)
    }

    /// A writer that goes on with an object itself.
    func take(_ path: String, at offset: UInt64? = nil, etag: String = "") async throws -> any StorageWriter {
        try await openWriter(at: try StoragePath(path), mode: .take(offset: offset, etag: etag), sizeHint: nil)
    }

    /// Writes an object with a writer.
    @discardableResult
    func write(_ path: String, _ parts: [UInt8]...) async throws -> StorageStat {
        let writer = try await writer(path)
        for part in parts { try await writer.append(part) }
        let stat = try await writer.commit(checksum: "", if: nil)
        await writer.close()
        return stat
    }

    func move(_ source: String, _ destination: String, if condition: StorageCondition? = nil) async throws {
        try await move(try StoragePath(source), to: try StoragePath(destination), if: condition)
    }

    func remove(_ path: String, tree: Bool = false) async throws { try await remove(try StoragePath(path), tree: tree) }

    /// All children, page by page.
    func entries(_ path: String, page: Int = 1000) async throws -> [StorageStat] {
        var cursor = StorageCursor.start
        var entries: [StorageStat] = []
        while true {
            let next = try await list(try StoragePath(path), from: cursor, limit: page)
            #expect(next.entries.count <= page)
            entries += next.entries
            guard let token = next.next else { return entries }
            cursor = .token(token)
        }
    }

    func children(_ path: String, page: Int = 1000) async throws -> [String] {
        try await entries(path, page: page).map { String($0.name) }
    }

    /// All objects below a prefix, by listing every level.
    func objects(below path: String) async throws -> [String] {
        var found: [String] = []
        for entry in try await entries(path) {
            if entry.kind == .object {
                found.append(entry.path)
            } else {
                found += try await objects(below: entry.path)
            }
        }
        return found
    }
}

extension StorageReader {
    /// Everything that is left.
    func rest(chunk: Int = 1 << 20) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let next = try await next(upTo: chunk) {
            #expect((1...chunk).contains(next.readableBytes))
            bytes += next.readableBytesView
        }
        return bytes
    }
}

extension StorageWriter {
    @discardableResult
    func append(_ bytes: [UInt8]) async throws -> UInt64 { try await write([ByteBuffer(bytes: bytes)]) }
}

/// Expects a `StorageError` with one of the codes, and gives it.
@discardableResult
func expectError<Value>(
    _ codes: StorageError.Code..., sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> Value
) async -> StorageError? {
    do {
        _ = try await body()
        Issue.record("succeeded; expected \(codes)", sourceLocation: sourceLocation)
    } catch let error as StorageError {
        #expect(codes.contains(error.code), "\(error)", sourceLocation: sourceLocation)
        return error
    } catch {
        Issue.record("not a storage error: \(error)", sourceLocation: sourceLocation)
    }
    return nil
}

/// Something that happens once, told to other tasks.
final class Flag: Sendable {
    private let value = Atomic<Bool>(false)

    var isSet: Bool { value.load(ordering: .acquiring) }

    func set() { value.store(true, ordering: .releasing) }
}

/// Random numbers that are the same each time (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// Bytes; eight at a time, because tests are built without optimisation.
    mutating func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count + 8) { buffer, size in
            let raw = UnsafeMutableRawBufferPointer(buffer)
            for offset in stride(from: 0, to: count, by: 8) {
                raw.storeBytes(of: next(), toByteOffset: offset, as: UInt64.self)
            }
            size = count
        }
    }
}

/// Random content; the same for the same seed.
func randomBytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var generator = SeededGenerator(seed: seed)
    return generator.bytes(count)
}
