import RegistryModel
import RegistryStorage

/// Where referrers are looked for, beside the tags that clients keep.
enum ReferrerSource: Sendable {
    /// In the index.
    case index
    /// In all manifests of the repository.
    case manifests

    /// The folder that lists the candidates.
    func folder(of subject: Digest, in name: RepositoryName) -> StoragePath {
        switch self {
        case .index: RegistryLayout.referrers(name, of: subject)
        case .manifests: RegistryLayout.revisions(name, .sha256)
        }
    }

    fileprivate func cursor(behind last: Digest) -> StorageCursor {
        switch self {
        case .index: .after(RegistryLayout.referrerName(last))
        // All that the folder lists are of one algorithm, the least.
        case .manifests: .after(last.algorithm == .sha256 ? last.hex : String(repeating: "z", count: 64))
        }
    }

    fileprivate func digest(named name: Substring) -> Digest? {
        switch self {
        case .index: RegistryLayout.referrer(named: name)
        case .manifests: try? Digest("sha256:\(name)")
        }
    }
}

/// A digest that may be in a list of referrers.
struct ReferrerCandidate: Sendable {
    /// The canonical digest.
    let digest: Digest
    /// Whether the index has an entry for it; else it is one that the referrers tag lists, or any manifest.
    let isIndexed: Bool
}

/// How far a list was read: two ascending sequences that are merged, each digest once.
struct ReferrerCursor {
    /// What the tag lists and wasn't given yet.
    private var fallback: ArraySlice<Digest>
    /// What was read of the source and wasn't given yet.
    private var listed: ArraySlice<Digest> = []
    private let source: ReferrerSource
    /// Where the source is read on; nil at its end.
    private(set) var storage: StorageCursor?

    /// - Parameters:
    ///   - source: what is listed beside the tag.
    ///   - fallback: what the tag lists, ascending.
    ///   - last: begins behind this digest.
    init(_ source: ReferrerSource, fallback: [Digest], after last: Digest?) {
        self.source = source
        self.fallback = fallback.drop { digest in last.map { digest <= $0 } ?? false }
        storage = last.map(source.cursor) ?? .start
    }

    /// Whether the next candidates can't be told before more of the source is read.
    var needsPage: Bool { listed.isEmpty && storage != nil }

    /// Takes a page of the source, from `storage`.
    mutating func take(_ page: StoragePage) {
        // What was written into the folder by others is no entry.
        listed = page.entries.compactMap { source.digest(named: $0.name) }[...]
        let end = page.next == nil ? nil : page.entries.last
        storage = end.map { .after(String($0.name)) }
    }

    /// The next candidates; none at the end, or if a page is needed.
    mutating func next(atMost limit: Int) -> [ReferrerCandidate] {
        var candidates: [ReferrerCandidate] = []
        while candidates.count < limit, !needsPage {
            if let digest = listed.first, fallback.first.map({ digest <= $0 }) ?? true {
                if fallback.first == digest { fallback = fallback.dropFirst() }
                listed = listed.dropFirst()
                candidates.append(ReferrerCandidate(digest: digest, isIndexed: source == .index))
            } else if let digest = fallback.popFirst() {
                candidates.append(ReferrerCandidate(digest: digest, isIndexed: false))
            } else {
                break
            }
        }
        return candidates
    }
}

/// A page of referrers that is being filled.
struct ReferrerPageDraft {
    private let limit: Int
    private var bytes: Int
    private var unread: Int
    private(set) var descriptors: [Descriptor] = []
    /// The last digest that was dealt with.
    var last: Digest?

    /// - Parameters:
    ///   - limit: how many descriptors.
    ///   - bytes: how many bytes of JSON.
    ///   - reading: how many bytes may be read to fill it.
    init(limit: Int, bytes: Int, reading: Int) {
        self.limit = limit
        self.bytes = bytes
        unread = reading
    }

    /// Whether more may be read for it.
    var mayRead: Bool { unread > 0 }

    /// Counts bytes that were read.
    mutating func note(read bytes: Int) { unread -= min(unread, bytes) }

    /// False: it doesn't fit. The first one always does.
    mutating func add(_ descriptor: Descriptor) -> Bool {
        let size = descriptor.json.utf8.count + 1
        guard descriptors.isEmpty || (descriptors.count < limit && size <= bytes) else { return false }
        bytes -= size
        descriptors.append(descriptor)
        return true
    }
}
