import PluginABI

/// An object that an async driver opened for reading: a file, a reader, or what an inner storage gave.
public struct OpenedStream: ~Copyable, Sendable {
    enum Source: Sendable {
        case file(Int32)
        case reader(any ObjectReader)
        /// The reader of an inner storage, passed on as it is.
        case inner(moor_reader)
    }

    /// Bytes of the whole object.
    public let size: UInt64
    /// What is served.
    public let window: ReadWindow
    /// Of the content that is served.
    public let etag: EntityTag
    private let source: Source
    private var isTaken = false

    /// An object as a window of a regular file, which the host reads at explicit offsets.
    public init(size: UInt64, window: ReadWindow, etag: EntityTag, file: consuming OwnedDescriptor) {
        self.init(size: size, window: window, etag: etag, source: .file(file.take()))
    }

    /// An object that is read piece by piece.
    public init(size: UInt64, window: ReadWindow, etag: EntityTag, reader: any ObjectReader) {
        self.init(size: size, window: window, etag: etag, source: .reader(reader))
    }

    init(size: UInt64, window: ReadWindow, etag: EntityTag, source: Source) {
        self.size = size
        self.window = window
        self.etag = etag
        self.source = source
    }

    /// Hands the source on; the receiver closes it.
    consuming func take() -> Source {
        isTaken = true
        return source
    }

    deinit {
        guard !isTaken else { return }
        switch source {
        case .file(let descriptor): _ = OwnedDescriptor(descriptor)
        case .reader: break
        case .inner(let reader):
            if reader.fd >= 0 { _ = OwnedDescriptor(reader.fd) }
            reader.close_reader?(reader.obj)
        }
    }
}
