/// Writes the text format of Prometheus, version 0.0.4.
struct MetricsText {
    private(set) var text = ""

    mutating func append(_ definition: MetricDefinition, _ series: [[String]: MetricSeries]) {
        header(definition.name, definition.help, definition.kind)
        for (values, series) in series.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            let labels = zip(definition.labels, values).map { "\($0)=\"\(Self.escaped($1))\"" }
            let state = series.snapshot
            if definition.kind == .histogram {
                histogram(definition, labels, state)
            } else {
                sample(definition.name, labels, Self.number(state.value))
            }
        }
    }

    mutating func append(droppedRecords: Int) {
        header("registry_metrics_dropped_total", "Records of metrics that were not kept.", .counter)
        sample("registry_metrics_dropped_total", [], String(droppedRecords))
    }

    private mutating func header(_ name: String, _ help: String, _ kind: MetricsStore.Kind) {
        if !help.isEmpty {
            let help = help.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
            text += "# HELP \(name) \(help)\n"
        }
        text += "# TYPE \(name) \(kind.rawValue)\n"
    }

    private mutating func histogram(_ definition: MetricDefinition, _ labels: [String], _ state: MetricSeries.State) {
        var count: UInt64 = 0
        for (bound, observed) in zip(definition.buckets.map(Self.number) + ["+Inf"], state.buckets) {
            count &+= observed
            sample("\(definition.name)_bucket", labels + ["le=\"\(bound)\""], String(count))
        }
        sample("\(definition.name)_sum", labels, Self.number(state.value))
        sample("\(definition.name)_count", labels, String(count))
    }

    private mutating func sample(_ name: String, _ labels: [String], _ value: String) {
        text += labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(labels.joined(separator: ","))} \(value)\n"
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if let whole = Int64(exactly: value) { return String(whole) }
        return String(value)
    }

    private static func escaped(_ value: String) -> String {
        guard value.utf8.contains(where: { $0 == 0x5C || $0 == 0x22 || $0 == 0x0A }) else { return value }
        var result = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
