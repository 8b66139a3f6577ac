import PluginKit

/// The metrics of a driver's traffic with its store.
struct EngineMetrics: Sendable {
    private let driver: String
    private let requests: Metric
    private let retries: Metric
    private let bytes: Metric
    private let seconds: Metric
    private let inFlight: Metric

    init(_ metrics: HostMetrics, driver: String) {
        self.driver = driver
        requests = metrics.define(
            .counter, "objectstore_requests_total", labels: ["driver", "operation", "status"])
        retries = metrics.define(.counter, "objectstore_retries_total", labels: ["driver", "operation", "class"])
        bytes = metrics.define(.counter, "objectstore_bytes_total", unit: "bytes", labels: ["driver", "direction"])
        seconds = metrics.define(
            .histogram, "objectstore_request_seconds", unit: "seconds", labels: ["driver", "operation"])
        inFlight = metrics.define(.gauge, "objectstore_in_flight", labels: ["driver"])
    }

    /// A request that got its response, or the head of it, or none. `status`: `2xx`, or why not.
    func request(_ operation: String, status: String, nanoseconds: Int64) {
        requests.record(1, labels: [driver, operation, status])
        seconds.record(Double(nanoseconds) / 1e9, labels: [driver, operation])
    }

    /// A repetition.
    func retry(_ operation: String, _ retry: StoreError.Retry) {
        retries.record(1, labels: [driver, operation, retry.rawValue])
    }

    func moved(sent: Int, received: Int) {
        if sent > 0 { bytes.record(Double(sent), labels: [driver, "sent"]) }
        if received > 0 { bytes.record(Double(received), labels: [driver, "received"]) }
    }

    func live(_ count: Int) { inFlight.record(Double(count), labels: [driver]) }
}
