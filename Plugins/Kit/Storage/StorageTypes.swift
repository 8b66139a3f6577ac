import PluginABI

/// What a driver can do beyond the required operations (`MOOR_CAP_*`). Claim only what holds also against other
/// processes on the same backend.
public struct StorageCapabilities: OptionSet, Sendable {
    /// The bits of `moor_storage.caps`.
    public let rawValue: UInt64
    /// Bits as they come.
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// `Precondition.absent` is atomic.
    public static let putIfAbsent = StorageCapabilities(rawValue: MOOR_CAP_PUT_IF_ABSENT)
    /// `Precondition.matches` is atomic.
    public static let ifMatch = StorageCapabilities(rawValue: MOOR_CAP_IF_MATCH)
    /// A move is one step.
    public static let atomicMove = StorageCapabilities(rawValue: MOOR_CAP_ATOMIC_MOVE)
    /// `copy` is offered.
    public static let copy = StorageCapabilities(rawValue: MOOR_CAP_COPY)
    /// `removeBatch` is offered.
    public static let batchRemove = StorageCapabilities(rawValue: MOOR_CAP_BATCH_REMOVE)
    /// `checksum` is offered.
    public static let checksum = StorageCapabilities(rawValue: MOOR_CAP_CHECKSUM)
    /// `redirectURL` answers GET and HEAD.
    public static let redirectGet = StorageCapabilities(rawValue: MOOR_CAP_REDIRECT_GET)
    /// `redirectURL` answers PUT.
    public static let redirectPut = StorageCapabilities(rawValue: MOOR_CAP_REDIRECT_PUT)
    /// Writers resume, also after a restart.
    public static let resume = StorageCapabilities(rawValue: MOOR_CAP_RESUME)
    /// Readers may carry a descriptor.
    public static let fileDescriptorRead = StorageCapabilities(rawValue: MOOR_CAP_FD_READ)
    /// Writers take bytes from a descriptor.
    public static let fileDescriptorWrite = StorageCapabilities(rawValue: MOOR_CAP_FD_WRITE)
    /// `walk` is offered.
    public static let walk = StorageCapabilities(rawValue: MOOR_CAP_WALK)
    /// A listing shows every write that completed before it.
    public static let strongList = StorageCapabilities(rawValue: MOOR_CAP_STRONG_LIST)
    /// `remove` with `tree` is offered.
    public static let removeTree = StorageCapabilities(rawValue: MOOR_CAP_REMOVE_TREE)
    /// `WriterMode.take`.
    public static let take = StorageCapabilities(rawValue: MOOR_CAP_TAKE)
    /// `walk` goes by whole keys, as object stores do: `/` is a byte like others.
    public static let walkByKey = StorageCapabilities(rawValue: MOOR_CAP_WALK_BY_KEY)
    /// `WriterMode.append` takes the token of a writer at another path.
    public static let adopt = StorageCapabilities(rawValue: MOOR_CAP_ADOPT)
}

/// Changes with the content and only then. At most 64 bytes, held in place: no allocation.
public struct EntityTag: Sendable {
    private var storage = InlineArray<64, UInt8>(repeating: 0)
    private var used: UInt8 = 0

    /// No tag.
    public init() {}

    /// A tag of at most 64 bytes; nil if it is longer: shorten it with a hash then.
    public init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count <= 64 else { return nil }
        for byte in bytes { append(byte) }
    }

    /// A tag from a text.
    public init?(_ text: String) {
        var text = text
        guard let tag = text.withUTF8({ EntityTag(UnsafeRawBufferPointer($0)) }) else { return nil }
        self = tag
    }

    /// Three numbers in hexadecimal, joined by `-`.
    public init(_ a: UInt64, _ b: UInt64, _ c: UInt64) {
        append(hexadecimal: a)
        append(UInt8(ascii: "-"))
        append(hexadecimal: b)
        append(UInt8(ascii: "-"))
        append(hexadecimal: c)
    }

    /// Whether there is none.
    public var isEmpty: Bool { used == 0 }

    /// Lends the bytes.
    public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        Swift.withUnsafeBytes(of: storage) { body(UnsafeRawBufferPointer(rebasing: $0[..<Int(used)])) }
    }

    /// Whether both are the same tag.
    public static func == (a: EntityTag, b: EntityTag) -> Bool {
        a.withUnsafeBytes { a in b.withUnsafeBytes { a.elementsEqual($0) } }
    }

    private mutating func append(_ byte: UInt8) {
        guard used < 64 else { return }
        storage[Int(used)] = byte
        used += 1
    }

    private mutating func append(hexadecimal value: UInt64) {
        var shift = value == 0 ? 0 : (63 - value.leadingZeroBitCount) / 4 * 4
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(shift) & 15)
            append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            shift -= 4
        }
    }
}

/// A condition on what stands at a path.
public enum Precondition: Sendable {
    /// Anything may stand there.
    case none
    /// Nothing stands there, else `alreadyExists`. Needs `putIfAbsent`.
    case absent
    /// An object with this tag stands there, else `precondition`. Needs `ifMatch`.
    case matches(EntityTag)

    /// Reads a condition, and refuses what the driver doesn't claim.
    init(_ raw: UnsafePointer<moor_precond>?, capabilities: StorageCapabilities) throws(PluginError) {
        guard let raw, raw.pointee.flags != 0 else {
            self = .none
            return
        }
        switch raw.pointee.flags {
        case MOOR_IF_ABSENT where capabilities.contains(.putIfAbsent): self = .absent
        case MOOR_IF_MATCH where capabilities.contains(.ifMatch):
            guard let tag = EntityTag(raw.pointee.etag.bytes) else {
                throw PluginError(.precondition, "no object has such a tag", noEffect: true)
            }
            self = .matches(tag)
        default: throw .unsupported
        }
    }
}

/// What stands at a path: an object, or a prefix with objects below it.
public struct ObjectStat: Sendable {
    /// Whether it is an object or a prefix.
    public enum Kind: UInt32, Sendable {
        /// An object.
        case object = 1
        /// A path with objects below it.
        case prefix = 2
    }

    /// Object or prefix.
    public var kind: Kind
    /// Bytes; 0 for a prefix.
    public var size: UInt64
    /// Last change of the content, `CLOCK_REALTIME`; 0: unknown.
    public var modifiedNanoseconds: Int64
    /// May be empty.
    public var etag: EntityTag
    /// "sha256:" and hexadecimal digits, or empty.
    public var checksum: String

    /// An object.
    public init(size: UInt64, modifiedNanoseconds: Int64, etag: EntityTag, checksum: String = "") {
        kind = .object
        self.size = size
        self.modifiedNanoseconds = modifiedNanoseconds
        self.etag = etag
        self.checksum = checksum
    }

    /// A prefix.
    public init(prefixModifiedNanoseconds: Int64) {
        kind = .prefix
        size = 0
        modifiedNanoseconds = prefixModifiedNanoseconds
        etag = EntityTag()
        checksum = ""
    }

    /// Lends the stat as the ABI wants it, for one completion.
    func withCStat(path: moor_str, _ body: (UnsafePointer<moor_stat>) -> Void) {
        var checksum = checksum
        checksum.withUTF8 { checksum in
            etag.withUnsafeBytes { etag in
                var stat = moor_stat()
                stat.struct_size = UInt32(MemoryLayout<moor_stat>.size)
                stat.kind = kind.rawValue
                stat.size = size
                stat.mtime_ns = modifiedNanoseconds
                stat.path = path
                stat.etag = moor_str(etag.assumingMemoryBound(to: UInt8.self))
                stat.checksum = moor_str(checksum)
                body(&stat)
            }
        }
    }
}

/// Which bytes of an object a reader serves.
public struct ReadWindow: Sendable {
    /// First byte.
    public let offset: UInt64
    /// How many.
    public let length: UInt64

    /// Cuts what was asked for at the end of the object; an offset beyond the end is `range`.
    public init(offset: UInt64, length: UInt64, ofSize size: UInt64) throws(PluginError) {
        guard offset <= size else { throw PluginError(.range, "the offset lies beyond the end of the object") }
        self.offset = offset
        self.length = min(length, size - offset)
    }

    init(offset: UInt64, length: UInt64) {
        self.offset = offset
        self.length = length
    }
}

/// How a writer begins.
public enum WriterMode: Sendable {
    /// From nothing.
    case create
    /// Exactly at `offset` (nil: wherever the bytes end), on the suspended writer that `token` names; without a token on
    /// the newest one, else on a copy of the object.
    case append(offset: UInt64?, token: [UInt8])
    /// On the object itself, which isn't there any more until the commit, with what lies behind `offset` (nil: nothing)
    /// dropped. With an etag only if the object has it, else `precondition`. Needs `.take`.
    case take(offset: UInt64?, etag: String)
}

/// What a client should be sent elsewhere for.
public struct RedirectRequest: Sendable {
    /// The method of the client's request.
    public enum Method: UInt32, Sendable {
        /// GET
        case get = 1
        /// HEAD
        case head = 2
        /// PUT
        case put = 3
    }

    /// Which method the URL must allow.
    public let method: Method
    /// The client's address; may be empty.
    public let clientAddress: String
    /// The client's name of itself; may be empty.
    public let userAgent: String
    /// What the answer's `Content-Type` should be; may be empty.
    public let contentType: String
    /// What the answer's `Content-Disposition` should be; may be empty.
    public let contentDisposition: String
    /// The URL must expire within this time.
    public let timeToLiveMilliseconds: Int64
    /// Which bytes the client asked for; nil: all.
    public let range: (offset: UInt64, length: UInt64)?

    init?(_ raw: UnsafePointer<moor_redirect_req>) {
        guard let method = Method(rawValue: raw.pointee.method) else { return nil }
        self.method = method
        clientAddress = raw.pointee.client_addr.text
        userAgent = raw.pointee.user_agent.text
        contentType = raw.pointee.content_type.text
        contentDisposition = raw.pointee.content_disposition.text
        timeToLiveMilliseconds = raw.pointee.ttl_ms
        let (offset, length) = (raw.pointee.range_offset, raw.pointee.range_length)
        range = offset == 0 && (length == 0 || length == MOOR_UNKNOWN_SIZE) ? nil : (offset, length)
    }
}
