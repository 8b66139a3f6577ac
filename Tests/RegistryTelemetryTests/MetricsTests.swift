import RegistryTelemetry
import Testing

@Suite("Metrics")
struct MetricsTests {
    private func samples(_ store: MetricsStore) -> [String] {
        store.exposition().split(separator: "\n").map(String.init)
    }

    @Test("A counter adds, a gauge is set and moved")
    func scalars() throws {
        let store = MetricsStore()
        let requests = try store.define(
            kind: .counter, name: "registry_http_requests_total", labels: ["code", "method"], help: "Requests\nserved.")
        store.record(requests, 1, labels: ["200", "get"])
        store.record(requests, 2.5, labels: ["200", "get"])
        store.record(requests, 1, labels: ["404", "get"])
        let flying = try store.define(kind: .gauge, name: "in_flight")
        store.record(flying, 3)
        store.series(flying)?.add(-1)
        #expect(
            samples(store) == [
                "# TYPE in_flight gauge", "in_flight 2", #"# HELP registry_http_requests_total Requests\nserved."#,
                "# TYPE registry_http_requests_total counter",
                #"registry_http_requests_total{code="200",method="get"} 3.5"#,
                #"registry_http_requests_total{code="404",method="get"} 1"#,
                "# HELP registry_metrics_dropped_total Records of metrics that were not kept.",
                "# TYPE registry_metrics_dropped_total counter", "registry_metrics_dropped_total 0",
            ])
    }

    @Test("A histogram is cumulative, and a bound belongs to its bucket")
    func histogram() throws {
        let store = MetricsStore()
        let id = try store.define(
            kind: .histogram, name: "wait", unit: "seconds", labels: ["a"], buckets: [0.5, 1])
        for value in [0.1, 0.5, 0.7, 9] { store.record(id, value, labels: ["x"]) }
        #expect(
            samples(store).prefix(6) == [
                "# TYPE wait_seconds histogram", #"wait_seconds_bucket{a="x",le="0.5"} 2"#,
                #"wait_seconds_bucket{a="x",le="1"} 3"#, #"wait_seconds_bucket{a="x",le="+Inf"} 4"#,
                #"wait_seconds_sum{a="x"} 10.3"#, #"wait_seconds_count{a="x"} 4"#,
            ])
    }

    @Test("Without bounds a histogram has those of its unit")
    func defaultBuckets() throws {
        let store = MetricsStore()
        store.record(try store.define(kind: .histogram, name: "size", unit: "bytes"), 2048)
        store.record(try store.define(kind: .histogram, name: "t_seconds", unit: "seconds"), 2)
        let text = store.exposition()
        #expect(text.contains("size_bytes_bucket{le=\"1024\"} 0\nsize_bytes_bucket{le=\"2048\"} 1\n"))
        #expect(text.contains("t_seconds_bucket{le=\"1\"} 0\nt_seconds_bucket{le=\"2.5\"} 1\n"))
    }

    @Test("Label values are escaped and cut")
    func escaping() throws {
        let store = MetricsStore()
        let id = try store.define(kind: .counter, name: "c", labels: ["l"])
        store.record(id, 1, labels: ["a\"b\\c\nd"])
        store.record(id, 1, labels: [String(repeating: "é", count: 1000)])
        let lines = samples(store)
        #expect(lines.contains(#"c{l="a\"b\\c\nd"} 1"#))
        #expect(lines.allSatisfy { $0.utf8.count < 300 })
    }

    @Test(
        "The unit ends the name, once",
        arguments: [
            ("a", "seconds", "a_seconds"), ("a_seconds", "seconds", "a_seconds"), ("a", "", "a"),
            ("a_total", "bytes", "a_bytes_total"), ("a_bytes_total", "bytes", "a_bytes_total"),
            ("seconds", "seconds", "seconds"),
        ])
    func units(name: String, unit: String, exposed: String) throws {
        let store = MetricsStore()
        store.record(try store.define(kind: .counter, name: name, unit: unit), 1)
        #expect(samples(store).contains("\(exposed) 1"))
    }

    @Test(
        "Bad names and labels are refused",
        arguments: [
            ("", []), ("1a", []), ("a-b", []), ("a b", []), ("é", []), ("a\n", []), ("a{}", []),
            (String(repeating: "a", count: 500), []), ("a", ["le"]), ("a", ["__x"]), ("a", ["x", "x"]), ("a", ["1"]),
            ("a", [""]), ("a", (0..<17).map { "l\($0)" }),
        ])
    func badNames(name: String, labels: [String]) {
        #expect(throws: MetricError.self) {
            try MetricsStore().define(kind: .histogram, name: name, labels: labels)
        }
    }

    @Test("Bad buckets are refused", arguments: [[1, 1], [2, 1], [.infinity], [.nan], (0..<65).map(Double.init)])
    func badBuckets(buckets: [Double]) {
        #expect(throws: MetricError.invalidBuckets("h")) {
            try MetricsStore().define(kind: .histogram, name: "h", buckets: buckets)
        }
    }

    @Test("The same definition gives the same id, another one of the name is refused")
    func redefinition() throws {
        let store = MetricsStore(maximumMetrics: 2)
        let id = try store.define(kind: .histogram, name: "h", unit: "seconds", labels: ["a"])
        #expect(try store.define(kind: .histogram, name: "h_seconds", unit: "seconds", labels: ["a"]) == id)
        #expect(throws: MetricError.self) { try store.define(kind: .histogram, name: "h", unit: "seconds") }
        #expect(throws: MetricError.self) { try store.define(kind: .gauge, name: "h_seconds", labels: ["a"]) }
        #expect(throws: MetricError.conflict("h_seconds_count")) {
            try store.define(kind: .counter, name: "h_seconds_count")
        }
        let counter = try store.define(kind: .counter, name: "x_sum")
        #expect(counter != id)
        #expect(throws: MetricError.conflict("x")) { try store.define(kind: .histogram, name: "x") }
        #expect(throws: MetricError.tooMany) { try store.define(kind: .counter, name: "third") }
    }

    @Test("What cannot be kept is ignored and counted")
    func dropped() throws {
        let store = MetricsStore(maximumSeries: 3)
        let id = try store.define(kind: .counter, name: "c", labels: ["l"])
        for id in [0, 99, UInt64.max] { store.record(id, 1, labels: ["x"]) }
        store.record(id, 1)
        store.record(id, 1, labels: ["a", "b"])
        for value in [-1, .nan, .infinity] { store.record(id, value, labels: ["a"]) }
        #expect(store.droppedRecords == 8)
        for number in 0..<100 { store.record(id, 1, labels: ["\(number)"]) }
        // "a" is a series already.
        #expect(store.droppedRecords == 8 + 98)
        store.record(id, 1, labels: ["1"])
        #expect(samples(store).contains("c{l=\"1\"} 2"))
        #expect(samples(store).contains("registry_metrics_dropped_total 106"))
    }

    @Test("A gauge may be no number")
    func gaugeValues() throws {
        let store = MetricsStore()
        let id = try store.define(kind: .gauge, name: "g", labels: ["l"])
        for value in [Double.infinity, -.infinity, .nan, 1e300, 1e-7] { store.record(id, value, labels: ["\(value)"]) }
        let lines = samples(store)
        for line in ["+Inf", "-Inf", "NaN", "1e+300", "1e-07"] {
            #expect(lines.contains { $0.hasSuffix(" \(line)") })
        }
    }

    @Test("A collector runs before each exposition and may record")
    func collectors() throws {
        let store = MetricsStore()
        let id = try store.define(kind: .counter, name: "asked")
        store.addCollector { $0.record(id, 1) }
        _ = store.exposition()
        #expect(samples(store).contains("asked 2"))
    }

    @Test("Records of many threads are all counted")
    func concurrency() async throws {
        let store = MetricsStore()
        let id = try store.define(kind: .histogram, name: "h", labels: ["l"], buckets: [0])
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                group.addTask {
                    for step in 0..<1000 { store.record(id, 1, labels: ["\((number + step) % 4)"]) }
                    _ = store.exposition()
                }
            }
        }
        let lines = samples(store)
        for label in 0..<4 { #expect(lines.contains("h_count{l=\"\(label)\"} 2000")) }
    }
}

@Suite("Process metrics")
struct ProcessMetricsTests {
    @Test("The process is described by what the system says of it")
    func values() throws {
        let store = MetricsStore()
        try store.addProcessMetrics()
        _ = store.exposition()
        let pairs = store.exposition().split(separator: "\n").filter { !$0.hasPrefix("#") }.compactMap { line in
            let words = line.split(separator: " ")
            return words.count == 2 ? (String(words[0]), Double(words[1]) ?? -1) : nil
        }
        let values = Dictionary(pairs) { $1 }
        #expect(try #require(values["process_cpu_seconds_total"]) > 0)
        #expect(try #require(values["process_resident_memory_bytes"]) > 1_000_000)
        #expect(try #require(values["process_open_fds"]) >= 3)
        #expect(try #require(values["process_max_fds"]) >= 20)
        #expect(try #require(values["process_start_time_seconds"]) > 1_700_000_000)
    }
}
