public import NIOCore
import RegistryStorage
import Synchronization

/// Gives the bytes of a blob or of a part of it, one call at a time; closes itself with the last reference.
public final class BlobReader: Sendable {
    /// The bytes as a window of a file.
    public struct File: Sendable {
        /// Open as long as the reader; read it with explicit offsets only.
        public let descriptor: CInt
        /// Where the first byte lies.
        public let offset: UInt64
    }

    private let reader: any StorageReader
    private let isClosed = Atomic<Bool>(false)

    init(_ reader: any StorageReader) { self.reader = reader }

    deinit { close() }

    /// How many bytes there are.
    public var length: UInt64 { reader.length }

    /// The bytes as a window of a file, if the driver has them in one.
    public var file: File? {
        reader.file.map { File(descriptor: $0.descriptor.number, offset: $0.offset) }
    }

    /// The next 1 to `maximum` bytes; nil at the end.
    public func next(upTo maximum: Int) async throws -> ByteBuffer? { try await reader.next(upTo: maximum) }

    /// Lets go of the storage before the last reference does; once.
    public func close() {
        if !isClosed.exchange(true, ordering: .acquiringAndReleasing) { reader.close() }
    }
}
