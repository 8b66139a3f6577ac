import Glibc
import PluginABI
import RegistryStorage

/// Something that a completion can bring.
protocol CallValue {
    static var resultKind: CallResult.Kind { get }
    /// Gives back what moved to the host, because nobody will use it.
    func giveBack()
}

extension CallValue {
    func giveBack() {}
}

/// What a completion brought: a kind, and memory in which the value lies from the completion until it is taken.
///
/// Not one `enum` of all values: each call knows what it waits for, and moving that alone is several times cheaper.
struct CallResult: ~Copyable {
    enum Kind: UInt8 {
        case none, nothing, buffer, number, stat, page, reader, writer, errors, instance, failure
    }

    private(set) var kind = Kind.none
    private let memory: UnsafeMutableRawPointer

    init() {
        let sizes = [
            MemoryLayout<FoundStat>.size, MemoryLayout<StoragePage>.size, MemoryLayout<OpenedReader>.size,
            MemoryLayout<OpenedWriter>.size, MemoryLayout<moor_instance>.size, MemoryLayout<StorageError>.size,
        ]
        memory = .allocate(byteCount: sizes.reduce(64, max), alignment: 16)
    }

    /// Takes a value in. There must be none.
    @inline(__always)
    mutating func put<Value: CallValue>(_ value: consuming Value) {
        memory.initializeMemory(as: Value.self, to: value)
        kind = Value.resultKind
    }

    /// Gives the value away. There must be one of the kind.
    @inline(__always)
    mutating func take<Value: CallValue>(_: Value.Type) -> Value {
        kind = .none
        return memory.assumingMemoryBound(to: Value.self).move()
    }

    /// The failure, left where it is; nil if the call succeeded.
    var failure: StorageError? {
        kind == .failure ? memory.assumingMemoryBound(to: StorageError.self).pointee : nil
    }

    /// Gives back what nobody will use.
    mutating func discard() {
        switch kind {
        case .none: break
        case .nothing: take(Nothing.self).giveBack()
        case .buffer: take(moor_buf.self).giveBack()
        case .number: take(UInt64.self).giveBack()
        case .stat: take(FoundStat.self).giveBack()
        case .page: take(StoragePage.self).giveBack()
        case .reader: take(OpenedReader.self).giveBack()
        case .writer: take(OpenedWriter.self).giveBack()
        case .errors: take(ItemErrors.self).giveBack()
        case .instance: take(moor_instance.self).giveBack()
        case .failure: take(StorageError.self).giveBack()
        }
    }
}

/// Success without a result.
struct Nothing: CallValue {
    static let resultKind = CallResult.Kind.nothing
}

/// The results of a batch: nil for what succeeded.
struct ItemErrors: CallValue {
    static let resultKind = CallResult.Kind.errors
    let errors: [StorageError?]
}

/// A reader that moved to the host.
struct OpenedReader: CallValue {
    static let resultKind = CallResult.Kind.reader
    let table: moor_reader
    let etag: String

    func giveBack() {
        if table.fd >= 0 { close(table.fd) }
        table.close_reader?(table.obj)
    }
}

/// A writer that moved to the host.
struct OpenedWriter: CallValue {
    static let resultKind = CallResult.Kind.writer
    let table: moor_writer
    let token: [UInt8]

    func giveBack() { table.close_writer?(table.obj) }
}

extension moor_buf: CallValue {
    static var resultKind: CallResult.Kind { .buffer }
    func giveBack() { release?(release_ctx) }
}

extension moor_instance: CallValue {
    static var resultKind: CallResult.Kind { .instance }
    func giveBack() { destroy?(obj) }
}

extension UInt64: CallValue {
    static var resultKind: CallResult.Kind { .number }
}

/// What stands at a path that the caller knows.
struct FoundStat: CallValue {
    static let resultKind = CallResult.Kind.stat
    let kind: StorageStat.Kind
    let size: UInt64
    let modified: Int64
    let etag: String
    let checksum: String

    @inline(__always)
    func at(_ path: String) -> StorageStat {
        StorageStat(path: path, kind: kind, size: size, modified: modified, etag: etag, checksum: checksum)
    }
}

extension StoragePage: CallValue {
    static var resultKind: CallResult.Kind { .page }
}

extension StorageError: CallValue {
    static var resultKind: CallResult.Kind { .failure }
}
