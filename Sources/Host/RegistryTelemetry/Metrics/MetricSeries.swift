import Synchronization

/// The values of one metric for one choice of labels. Keep it where the same labels are recorded over and over: that
/// saves the search.
public final class MetricSeries: Sendable {
    struct State {
        /// The counter, the gauge, or the sum of a histogram.
        var value = 0.0
        /// Observations of each bucket, the last one for what is above all bounds.
        var buckets: [UInt64] = []
    }

    private let kind: MetricsStore.Kind
    private let bounds: [Double]
    private let state: Mutex<State>

    init(_ definition: MetricDefinition) {
        kind = definition.kind
        bounds = definition.buckets
        let buckets = kind == .histogram ? Array(repeating: UInt64(0), count: bounds.count + 1) : []
        state = Mutex(State(buckets: buckets))
    }

    /// Adds to a counter, sets a gauge, or observes a value of a histogram. What a counter or a histogram cannot take
    /// (a negative number, or no number) is ignored.
    ///
    /// - Returns: whether the value was taken.
    @discardableResult
    public func record(_ value: Double) -> Bool {
        switch kind {
        case .gauge: state.withLock { $0.value = value }
        case .counter:
            guard value >= 0, value.isFinite else { return false }
            state.withLock { $0.value += value }
        case .histogram:
            guard value.isFinite else { return false }
            let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
            state.withLock {
                $0.buckets[bucket] &+= 1
                $0.value += value
            }
        }
        return true
    }

    /// Moves a gauge up or down; nothing else.
    public func add(_ change: Double) {
        guard kind == .gauge else { return }
        state.withLock { $0.value += change }
    }

    var snapshot: State { state.withLock { $0 } }
}
