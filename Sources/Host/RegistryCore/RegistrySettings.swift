/// What an operator decides about the registry, apart from storage and network.
public struct RegistrySettings: Sendable {
    /// Which children of an index must be there when it is pushed.
    public enum IndexValidation: Sendable, Hashable {
        case all
        case none
        /// Only children of these platforms (`os/architecture`).
        case platforms(Set<String>)
    }

    /// `storage.delete.enabled`.
    public var deleteEnabled = false
    /// `storage.maintenance.readonly.enabled`.
    public var readOnly = false
    /// Not `storage.redirect.disable`.
    public var redirects = true
    /// The most repositories in one answer of the catalog.
    public var catalogMaximum = 1000
    /// The most tags in one answer when the client asks for a number.
    public var tagsMaximum = 1000
    /// The largest manifest taken, in bytes.
    public var manifestLimit = 4 * 1024 * 1024
    /// The most referrers in one answer.
    public var referrersMaximum = 1000
    /// Bytes of entries and manifests read for one answer with referrers; then it ends, with a link to the rest.
    public var referrersReading = 32 * 1024 * 1024
    /// Which URLs layers may have.
    public var urlRules = URLRules.any
    /// How indexes are checked.
    public var indexValidation = IndexValidation.all
    /// Bytes of manifests kept in memory; they are immutable, and membership is asked of the storage each time.
    public var manifestCacheBytes = 64 * 1024 * 1024
    /// Authenticates upload sessions across requests and processes (`http.secret`); empty: a random one.
    public var secret = ""

    /// The defaults.
    public init() {}
}
