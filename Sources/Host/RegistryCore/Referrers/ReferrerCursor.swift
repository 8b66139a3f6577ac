import RegistryModel
import RegistryStorage

/// A digest that may be in a list of referrers.
struct ReferrerCandidate: Sendable {
    /// The canonical digest.
    let digest: Digest
    /// Whether the index has an entry for it; else only the referrers tag lists it.
    let isIndexed: Bool
}

/// How far a list was read: two ascending sequences that are merged, each digest once.
struct ReferrerCursor {
    /// What the tag lists and wasn't given yet.
    private var fallback: ArraySlice<Digest>
    /// What was read of the index and wasn't given yet.
    private var indexed: ArraySlice<Digest> = []
    /// Where the index is read on; nil at its end.
    private(set) var storage: StorageCursor?

    /// - Parameters:
    ///   - fallback: what the tag lists, ascending.
    ///   - last: begins behind this digest.
    init(fallback: [Digest], after last: Digest?) {
        self.fallback = fallback.drop { digest in last.map { digest <= $0 } ?? false }
        storage = last.map { .after(RegistryLayout.referrerName($0)) } ?? .start
    }

    /// Whether the next candidates can't be told before more of the index is read.
    var needsPage: Bool { indexed.isEmpty && storage != nil }

    /// Takes a page of the index, from `storage`.
    mutating func take(_ page: StoragePage) {
        // What was written into the folder by others is no entry.
        indexed = page.entries.compactMap { RegistryLayout.referrer(named: $0.name) }[...]
        let end = page.next == nil ? nil : page.entries.last
        storage = end.map { .after(String($0.name)) }
    }

    /// The next candidates; none at the end, or if a page is needed.
    mutating func next(atMost limit: Int) -> [ReferrerCandidate] {
        var candidates: [ReferrerCandidate] = []
        while candidates.count < limit, !needsPage {
            if let digest = indexed.first, fallback.first.map({ digest <= $0 }) ?? true {
                if fallback.first == digest { fallback = fallback.dropFirst() }
                indexed = indexed.dropFirst()
                candidates.append(ReferrerCandidate(digest: digest, isIndexed: true))
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
    private(set) var descriptors: [Descriptor] = []
    /// The last digest that was dealt with.
    var last: Digest?

    /// - Parameters:
    ///   - limit: how many descriptors.
    ///   - bytes: how many bytes of JSON.
    init(limit: Int, bytes: Int) {
        self.limit = limit
        self.bytes = bytes
    }

    /// False: it doesn't fit. The first one always does.
    mutating func add(_ descriptor: Descriptor) -> Bool {
        let size = descriptor.json.utf8.count + 1
        guard descriptors.isEmpty || (descriptors.count < limit && size <= bytes) else { return false }
        bytes -= size
        descriptors.append(descriptor)
        return true
    }
}
