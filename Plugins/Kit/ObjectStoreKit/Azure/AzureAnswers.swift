/// One page of List Blobs.
public struct AzureBlobPage: Sendable {
    /// A blob, or what several begin with.
    public struct Entry: Sendable {
        /// The whole name; of a prefix with the delimiter at its end.
        public var name: String
        /// Whether it stands for the blobs that begin so.
        public var isPrefix = false
        /// Bytes.
        public var size: UInt64 = 0
        /// Last change, nanoseconds since 1970; 0: unknown.
        public var modifiedNanoseconds: Int64 = 0
        /// Whether a copy into it hasn't ended, or not well: it holds no content.
        public var isIncomplete = false
    }

    /// In the order of names, a prefix counting as its name.
    public var entries: [Entry]
    /// Where the next page begins; empty: this is the last one.
    public var nextMarker: String

    /// The service gives at most so many entries, each with a few dozen properties.
    static let limits: XMLLimits = {
        var limits = XMLLimits()
        limits.elements = 1_000_000
        limits.bytes = 64 << 20
        return limits
    }()

    /// Reads the answer of the service.
    public init(_ body: SharedBytes) throws(StoreError) {
        let root = try XMLElement.parse(body, limits: Self.limits)
        guard root.name == "EnumerationResults", let blobs = root["Blobs"] else {
            throw StoreError(.corrupt, "the answer is no list of blobs")
        }
        entries = []
        entries.reserveCapacity(blobs.children.count)
        for child in blobs.children {
            guard let name = child["Name"]?.text, !name.isEmpty else {
                throw StoreError(.corrupt, "an entry of the list has no name")
            }
            if child.name == "BlobPrefix" {
                entries.append(Entry(name: name, isPrefix: true))
            } else if child.name == "Blob" {
                entries.append(Self.blob(name, child["Properties"]))
            }
        }
        nextMarker = root["NextMarker"]?.text ?? ""
    }

    private static func blob(_ name: String, _ properties: XMLElement?) -> Entry {
        var entry = Entry(name: name)
        entry.size = properties?["Content-Length"].flatMap { UInt64($0.text) } ?? 0
        entry.modifiedNanoseconds =
            properties?["Last-Modified"].flatMap { Timestamp(rfc1123: $0.text) }?.unixNanoseconds ?? 0
        if let status = properties?["CopyStatus"]?.text { entry.isIncomplete = status != "success" }
        return entry
    }
}

/// The answer of Get Block List.
public struct AzureBlockList: Sendable {
    /// The blocks of the blob, in order; then those that wait.
    public var blocks: [AzureBlock]
    /// Whether some of the ids are somebody else's.
    public var hasForeign: Bool

    /// Reads the answer of the service.
    public init(_ body: SharedBytes) throws(StoreError) {
        let root = try XMLElement.parse(body, limits: AzureBlobPage.limits)
        guard root.name == "BlockList" else { throw StoreError(.corrupt, "the answer is no list of blocks") }
        blocks = []
        hasForeign = false
        for element in (root["CommittedBlocks"]?.children ?? []) + (root["UncommittedBlocks"]?.children ?? []) {
            guard let id = element["Name"].flatMap({ AzureBlockID($0.text) }),
                let size = element["Size"].flatMap({ UInt64($0.text) }), size <= AzureBlockPlan.largestBlock
            else {
                hasForeign = true
                continue
            }
            blocks.append(AzureBlock(id: id, size: size))
        }
    }

    /// The body of Put Block List for these blocks.
    public static func body(of blocks: [AzureBlock]) -> [UInt8] {
        var writer = XMLWriter(root: "BlockList")
        for block in blocks { writer.element("Latest", block.id.text) }
        return writer.bytes()
    }
}

/// What the headers of an answer tell about a blob.
public struct AzureBlobState: Sendable {
    /// With its quotes, as conditions want it.
    public var etag: String
    /// Nanoseconds since 1970; 0: unknown.
    public var modifiedNanoseconds: Int64
    /// Bytes of the whole blob, as far as the answer tells.
    public var size: UInt64?
    /// Whether it is an append blob, which Distribution made.
    public var isAppendBlob: Bool
    /// Of the copy that is or was made into it; empty: it is none.
    public var copyStatus: String
    /// Names that copy.
    public var copyID: String

    /// Reads the headers of GET, HEAD or a write.
    public init(_ headers: HTTPFields) {
        etag = headers["ETag"] ?? ""
        modifiedNanoseconds = headers["Last-Modified"].flatMap { Timestamp(rfc1123: $0) }?.unixNanoseconds ?? 0
        isAppendBlob = headers["x-ms-blob-type"] == "AppendBlob"
        copyStatus = headers["x-ms-copy-status"] ?? ""
        copyID = headers["x-ms-copy-id"] ?? ""
        if let range = headers["Content-Range"], let slash = range.lastIndex(of: "/") {
            size = UInt64(range[range.index(after: slash)...])
        } else {
            size = headers["Content-Length"].flatMap { UInt64($0) }
        }
    }

    /// Whether the blob has its content.
    public var isComplete: Bool { copyStatus.isEmpty || copyStatus == "success" }
}
