import PluginABI
import Synchronization

@testable import PluginKit

/// A host with a log and metrics that remember, and nothing else. Never freed, as a host outlives its plugins.
final class TestHost: @unchecked Sendable {
    // Sendable: the tables are written once; the records are guarded by locks.
    struct Line: Sendable {
        let level: Int32
        let message: String
        let fields: [String: String]
    }

    private let record = Mutex<[Line]>([])
    private let defined = Mutex<[String]>([])
    private let values = Mutex<[String: Double]>([:])
    private let log = UnsafeMutablePointer<moor_svc_log>.allocate(capacity: 1)
    private let metrics = UnsafeMutablePointer<moor_svc_metrics>.allocate(capacity: 1)
    private let table = UnsafeMutablePointer<moor_host>.allocate(capacity: 1)

    var host: Host { Host(table) }
    var lines: [Line] { record.withLock { $0 } }

    /// The sum of what a metric got under its labels, joined by commas.
    func value(_ metric: String, _ labels: String...) -> Double {
        values.withLock { $0[([metric] + labels).joined(separator: ",")] ?? 0 }
    }

    /// Everything that was ever logged, as one text.
    var everything: String {
        lines.map { line in
            "\(line.message) \(line.fields.map { "\($0.key)=\($0.value)" }.joined(separator: " "))"
        }.joined(separator: "\n")
    }

    init() {
        let object = Unmanaged.passUnretained(self).toOpaque()
        log.initialize(
            to: moor_svc_log(
                struct_size: UInt32(MemoryLayout<moor_svc_log>.size), min_level: 0, obj: object,
                write: { obj, level, _, message, fields, count in
                    TestHost.from(obj)?.add(level, message, UnsafeBufferPointer(start: fields, count: count))
                }))
        metrics.initialize(
            to: moor_svc_metrics(
                struct_size: UInt32(MemoryLayout<moor_svc_metrics>.size), reserved0: 0, obj: object,
                define: { obj, _, name, _, _, _, id in
                    guard let host = TestHost.from(obj) else { return moor_code(MOOR_E_INTERNAL) }
                    id.pointee = host.define(name.text)
                    return moor_code(MOOR_OK)
                },
                record: { obj, id, value, labels, count in
                    let labels = UnsafeBufferPointer(start: labels, count: count).map(\.text)
                    TestHost.from(obj)?.add(id, value, labels)
                }))
        table.initialize(
            to: moor_host(
                struct_size: UInt32(MemoryLayout<moor_host>.size), abi_rev: MOOR_ABI_REV, product: moor_str(),
                version: moor_str(), obj: object,
                get_service: { obj, id in
                    guard let host = TestHost.from(obj) else { return nil }
                    switch id.text {
                    case "moor.host.log/1": return UnsafeRawPointer(host.log)
                    case "moor.host.metrics/1": return UnsafeRawPointer(host.metrics)
                    default: return nil
                    }
                }))
        _ = Unmanaged.passRetained(self)
    }

    private static func from(_ obj: UnsafeMutableRawPointer?) -> TestHost? {
        obj.map { Unmanaged<TestHost>.fromOpaque($0).takeUnretainedValue() }
    }

    private func add(_ level: Int32, _ message: moor_str, _ fields: UnsafeBufferPointer<moor_kv>) {
        let pairs = fields.map { ($0.key.text, $0.value.text) }
        let line = Line(level: level, message: message.text, fields: Dictionary(pairs) { $1 })
        record.withLock { $0.append(line) }
    }

    private func define(_ name: String) -> UInt64 {
        defined.withLock { names in
            names.append(name)
            return UInt64(names.count - 1)
        }
    }

    private func add(_ id: UInt64, _ value: Double, _ labels: [String]) {
        let name = defined.withLock { $0[Int(id)] }
        values.withLock { $0[([name] + labels).joined(separator: ","), default: 0] += value }
    }
}
