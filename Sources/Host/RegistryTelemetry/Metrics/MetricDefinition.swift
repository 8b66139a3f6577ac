/// What a metric is: fixed when it is defined.
struct MetricDefinition: Sendable, Equatable {
    let kind: MetricsStore.Kind
    /// The name as it is exposed, unit included.
    let name: String
    let labels: [String]
    let help: String
    /// Upper bounds of a histogram, ascending, without infinity.
    let buckets: [Double]

    /// Buckets for what takes seconds, as Distribution has them.
    static let durationBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60]
    /// Buckets for what has a size in bytes: 1 KiB to 2 GiB, as Distribution has them.
    static let sizeBuckets = (0...21).map { Double(1024 << $0) }

    static let maximumLabels = 16
    static let maximumNameLength = 200

    init(
        kind: MetricsStore.Kind, name: String, unit: String, labels: [String], help: String, buckets: [Double]?
    ) throws(MetricError) {
        guard Self.isName(name), unit.isEmpty || Self.isName(unit) else { throw .invalidName(name) }
        guard labels.count <= Self.maximumLabels, Set(labels).count == labels.count else { throw .invalidLabels(name) }
        for label in labels where !Self.isName(label) || label.hasPrefix("__") || label == "le" {
            throw .invalidLabels(name)
        }
        let bounds = buckets ?? (unit == "bytes" ? Self.sizeBuckets : Self.durationBuckets)
        guard kind != .histogram || Self.areAscending(bounds) else { throw .invalidBuckets(name) }
        self.kind = kind
        self.name = Self.exposedName(name, unit: unit, kind)
        self.labels = labels
        self.help = help
        self.buckets = kind == .histogram ? bounds : []
    }

    /// Names of samples that this metric writes.
    var sampleNames: [String] { kind == .histogram ? ["_bucket", "_sum", "_count"].map { name + $0 } : [name] }

    /// Whether it is the same metric for readers: a help text may differ.
    func isSame(as other: MetricDefinition) -> Bool {
        kind == other.kind && name == other.name && labels == other.labels && buckets == other.buckets
    }

    private static func isName(_ text: String) -> Bool {
        guard (1...maximumNameLength).contains(text.utf8.count), let first = text.utf8.first else { return false }
        return !(0x30...0x39).contains(first)
            && text.utf8.allSatisfy {
                (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F
            }
    }

    private static func areAscending(_ bounds: [Double]) -> Bool {
        bounds.count <= 64 && bounds.allSatisfy(\.isFinite) && zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }
    }

    /// The unit belongs at the end of the name, before `_total`; it is added where it is not there yet.
    private static func exposedName(_ name: String, unit: String, _ kind: MetricsStore.Kind) -> String {
        let isTotal = name.hasSuffix("_total")
        let stem = isTotal ? String(name.dropLast("_total".count)) : name
        guard !unit.isEmpty, !stem.hasSuffix("_\(unit)"), stem != unit else { return name }
        return "\(stem)_\(unit)" + (isTotal ? "_total" : "")
    }
}

/// Why a metric cannot be defined.
public enum MetricError: Error, Hashable, CustomStringConvertible {
    /// The name or the unit is not `[A-Za-z_][A-Za-z0-9_]*`, or too long.
    case invalidName(String)
    /// A label's name is bad, reserved, or given twice, or there are too many.
    case invalidLabels(String)
    /// Bounds of buckets are not finite and ascending, or too many.
    case invalidBuckets(String)
    /// Another metric has the name, or the name of one of its samples.
    case conflict(String)
    /// The store holds as many metrics as it takes.
    case tooMany

    /// A sentence for the operator.
    public var description: String {
        switch self {
        case .invalidName(let name): "metric \(name.debugDescription): invalid name or unit"
        case .invalidLabels(let name): "metric \(name.debugDescription): invalid labels"
        case .invalidBuckets(let name): "metric \(name.debugDescription): invalid buckets"
        case .conflict(let name): "metric \(name.debugDescription) is defined already, in another way"
        case .tooMany: "too many metrics"
        }
    }
}
