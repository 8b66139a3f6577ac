import Synchronization

/// Counters, gauges and histograms of the process, as Prometheus reads them.
///
/// Bounded: a client that can choose the value of a label cannot fill the memory. Series beyond the limit of a metric
/// are not kept, and counted in `registry_metrics_dropped_total`.
public final class MetricsStore: Sendable {
    /// What a metric counts.
    public enum Kind: String, Sendable {
        /// Only grows.
        case counter
        /// Has a value at each moment.
        case gauge
        /// Sorts observations into buckets.
        case histogram
    }

    private struct Metric {
        let definition: MetricDefinition
        var series: [[String]: MetricSeries] = [:]
    }

    private struct State {
        var metrics: [Metric] = []
        /// Every sample name in use, with the metric that uses it.
        var names: [String: Int] = [:]
        var collectors: [@Sendable (MetricsStore) -> Void] = []
    }

    /// Bytes of a label's value, at most; longer ones are cut.
    static let maximumValueLength = 256

    private let maximumMetrics: Int
    private let maximumSeries: Int
    private let state = Mutex(State())
    private let dropped = Atomic<Int>(0)

    /// An empty store.
    ///
    /// - Parameters:
    ///   - maximumMetrics: metrics that may be defined.
    ///   - maximumSeries: combinations of label values that each of them may have.
    public init(maximumMetrics: Int = 1024, maximumSeries: Int = 1000) {
        self.maximumMetrics = maximumMetrics
        self.maximumSeries = maximumSeries
    }

    /// Records that were not kept since the start: unknown metric, wrong number of labels, too many series, or a value
    /// that the metric cannot take.
    public var droppedRecords: Int { dropped.load(ordering: .relaxed) }

    /// Defines a metric. The same definition again gives the same id.
    ///
    /// - Parameters:
    ///   - kind: what it counts.
    ///   - name: its name; the unit is appended if it does not end in it, before `_total`.
    ///   - unit: `seconds`, `bytes`, or empty.
    ///   - labels: names of its labels, in the order in which values will be given.
    ///   - help: a sentence for readers.
    ///   - buckets: ascending upper bounds of a histogram; without them, bounds that suit the unit.
    /// - Returns: the id to record with.
    public func define(
        kind: Kind, name: String, unit: String = "", labels: [String] = [], help: String = "",
        buckets: [Double]? = nil
    ) throws(MetricError) -> UInt64 {
        let definition = try MetricDefinition(
            kind: kind, name: name, unit: unit, labels: labels, help: help, buckets: buckets)
        return try state.withLock { state throws(MetricError) in
            let names = state.names
            if let index = definition.sampleNames.lazy.compactMap({ names[$0] }).first {
                guard state.metrics[index].definition.isSame(as: definition) else { throw .conflict(name) }
                return UInt64(index) + 1
            }
            guard state.names[definition.name] == nil else { throw .conflict(name) }
            guard state.metrics.count < maximumMetrics else { throw .tooMany }
            let index = state.metrics.count
            state.metrics.append(Metric(definition: definition))
            for sample in Set(definition.sampleNames + [definition.name]) { state.names[sample] = index }
            return UInt64(index) + 1
        }
    }

    /// Adds to a counter, sets a gauge, or observes a value. Cheap, from any thread; what cannot be kept is counted.
    public func record(_ id: UInt64, _ value: Double, labels: [String] = []) {
        if series(id, labels: labels)?.record(value) != true { dropped.add(1, ordering: .relaxed) }
    }

    /// The series of these label values, made on first use.
    ///
    /// - Returns: nothing if the id is unknown, the number of labels is wrong, or the metric has too many series.
    public func series(_ id: UInt64, labels: [String] = []) -> MetricSeries? {
        guard let index = Int(exactly: id).map({ $0 - 1 }), index >= 0 else { return nil }
        return state.withLock { state in
            guard index < state.metrics.count else { return nil }
            if let series = state.metrics[index].series[labels] { return series }
            let definition = state.metrics[index].definition
            guard labels.count == definition.labels.count else { return nil }
            let key = labels.map(Self.bounded)
            if let series = state.metrics[index].series[key] { return series }
            guard state.metrics[index].series.count < maximumSeries else { return nil }
            let series = MetricSeries(definition)
            state.metrics[index].series[key] = series
            return series
        }
    }

    /// Adds work that is done before each exposition, to set gauges that nobody keeps up to date otherwise.
    public func addCollector(_ collect: @escaping @Sendable (MetricsStore) -> Void) {
        state.withLock { $0.collectors.append(collect) }
    }

    /// Everything in the text format of Prometheus, version 0.0.4 (`text/plain; version=0.0.4`). Metrics without a
    /// series are left out.
    public func exposition() -> String {
        for collect in state.withLock(\.collectors) { collect(self) }
        // Values are read outside the lock: recording goes on meanwhile.
        let metrics = state.withLock(\.metrics)
        var text = MetricsText()
        for metric in metrics.sorted(by: { $0.definition.name < $1.definition.name }) where !metric.series.isEmpty {
            text.append(metric.definition, metric.series)
        }
        text.append(droppedRecords: droppedRecords)
        return text.text
    }

    private static func bounded(_ value: String) -> String {
        value.utf8.count <= maximumValueLength
            ? value : String(decoding: value.utf8.prefix(maximumValueLength), as: UTF8.self)
    }
}
