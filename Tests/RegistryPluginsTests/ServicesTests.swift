import Foundation
import Logging
import PluginABI
import RegistryTelemetry
import Synchronization
import TestSupport
import Testing

@testable import RegistryPlugins

/// The host's services, called through their C tables as a plugin does.
@Suite("Host services")
struct ServicesTests {
    private let log = LogRecord()
    private let metrics = MetricsStore()
    private let services: PluginServices

    init() {
        let shared = HostServices(product: "mooring", version: "1.2.3", logger: log.logger, metrics: metrics)
        services = PluginServices(shared, plugin: "sample")
    }

    /// The table of a service, asked for as a plugin asks.
    private func table<Table>(_ id: String, as type: Table.Type = Table.self) throws -> Table {
        let host = services.host.pointee
        let pointer = try #require(withText(id) { host.get_service(host.obj, $0) })
        #expect(withText(id) { host.get_service(host.obj, $0) } == pointer, "the same for every call")
        return pointer.load(as: Table.self)
    }

    @Test("The host names itself and knows its services to the letter")
    func host() {
        let host = services.host.pointee
        #expect(host.abi_rev == MOOR_ABI_REV)
        #expect(Int(host.struct_size) == MemoryLayout<moor_host>.size)
        #expect(text(host.product) == "mooring")
        #expect(text(host.version) == "1.2.3")
        let unknown = ["", "moor.host.log", "moor.host.log/2", "moor.host.log/1 ", "moor.host.log/1\u{0}", "moor"]
        for id in unknown { #expect(withText(id) { host.get_service(host.obj, $0) } == nil) }
    }

    @Test("Log lines arrive with level, target and fields")
    func logging() throws {
        let service: moor_svc_log = try table("moor.host.log/1")
        let levels: [Logger.Level] = [.trace, .debug, .info, .warning, .error]
        for level in -1...5 {
            withText("some.part") { target in
                withText("line \(level)") { message in
                    withText("key") { key in
                        withText("value") { value in
                            var fields = [moor_kv(key: key, value: value)]
                            service.write(service.obj, Int32(level), target, message, &fields, 1)
                        }
                    }
                }
            }
        }
        #expect(log.lines.map(\.message) == (-1...5).map { "line \($0)" })
        #expect(log.lines.map(\.level) == [.trace] + levels + [.error])
        #expect(log.lines.allSatisfy { $0.fields == ["plugin": "sample", "target": "some.part", "key": "value"] })
        let garbled: [UInt8] = [0x66, 0xff, 0x67]
        garbled.withUnsafeBytes { bytes in
            let message = moor_str(ptr: bytes.baseAddress?.assumingMemoryBound(to: CChar.self), len: 3)
            service.write(service.obj, 2, moor_str(), message, nil, 0)
            service.write(service.obj, 2, moor_str(), moor_str(ptr: message.ptr, len: -1), nil, -1)
        }
        #expect(log.lines.suffix(2).map(\.message) == ["f\u{fffd}g", ""])
    }

    @Test("Metrics are defined once and recorded with their labels")
    func metricsService() throws {
        let service: moor_svc_metrics = try table("moor.host.metrics/1")
        func define(_ kind: UInt32, _ name: String, _ label: String) -> (code: moor_code, id: UInt64) {
            var id: UInt64 = 0
            let code = withText(name) { name in
                withText(label) { label in
                    var labels = [label]
                    return service.define(service.obj, kind, name, moor_str(), &labels, 1, &id)
                }
            }
            return (code, id)
        }
        let requests = define(0, "plugin_requests_total", "operation")
        #expect(requests.code == 0)
        #expect(define(0, "plugin_requests_total", "operation") == requests)
        #expect(define(1, "plugin_requests_total", "operation").code == 2, "another kind")
        #expect(define(0, "plugin_requests_total", "other").code == 2, "other labels")
        #expect(define(0, "no name", "operation").code == 2)
        #expect(define(9, "plugin_other", "operation").code == 2, "an unknown kind")
        withText("put") { label in
            var labels = [label]
            service.record(service.obj, requests.id, 2, &labels, 1)
            service.record(service.obj, requests.id, 3, &labels, 1)
            service.record(service.obj, requests.id, -3, &labels, 1)
            service.record(service.obj, requests.id, 1, nil, 0)
            service.record(service.obj, 999_999, 1, &labels, 1)
        }
        #expect(metrics.exposition().contains("plugin_requests_total{operation=\"put\"} 5"))
    }

    @Test("Submitted work runs once, on a thread of the host")
    func exec() async throws {
        let service: moor_svc_exec = try table("moor.host.exec/1")
        let tally = Tally()
        for lane in [0, 1, 7] as [UInt32] {
            for _ in 0..<50 { #expect(service.submit(service.obj, lane, countUp, tally.context) == 0) }
        }
        try await eventually("all of it has run") { tally.count == 150 }
        #expect(tally.threads.allSatisfy { $0 != UInt(pthread_self()) })
    }

    @Test("Work that computes gets as many threads as there are cores")
    func computing() async throws {
        let service: moor_svc_exec = try table("moor.host.exec/1")
        let tally = Tally()
        for _ in 0..<200 { #expect(service.submit(service.obj, 1, takeTime, tally.context) == 0) }
        try await eventually("all of it has run") { tally.count == 200 }
        #expect(Set(tally.threads).count <= sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    }

    @Test("A timer fires once, not before its time")
    func timer() async throws {
        let service: moor_svc_timer = try table("moor.host.timer/1")
        let tally = Tally()
        let start = ContinuousClock.now
        let id = service.after(service.obj, 30_000_000, countUp, tally.context)
        #expect(id != 0)
        try await eventually("it fires") { tally.count == 1 }
        #expect(ContinuousClock.now - start >= .milliseconds(30))
        #expect(service.stop_timer(service.obj, id) == 0, "it has run")
        for delay in [0, -1, Int64.min] { #expect(service.after(service.obj, delay, countUp, tally.context) != 0) }
        try await eventually("those without delay fire") { tally.count == 4 }
    }

    @Test("A stopped timer never fires; stopping waits for one that is running")
    func stoppedTimer() async throws {
        let service: moor_svc_timer = try table("moor.host.timer/1")
        let tally = Tally()
        let never = [60_000_000_000, Int64.max].map { service.after(service.obj, $0, countUp, tally.context) }
        #expect(never.map { service.stop_timer(service.obj, $0) } == [1, 1])
        #expect(never.map { service.stop_timer(service.obj, $0) } == [0, 0])
        #expect(service.stop_timer(service.obj, 0) == 0)
        let slow = service.after(service.obj, 0, countSlowly, tally.context)
        try await eventually("it is running") { tally.hasBegun }
        #expect(service.stop_timer(service.obj, slow) == 0)
        #expect(tally.count == 1, "the function has ended when stop_timer returns")
    }

    @Test("Secrets come from files and the environment; others are refused without a trace of them")
    func secrets() async throws {
        let service: moor_svc_secret = try table("moor.host.secret/1")
        try await withTemporaryDirectory { directory in
            let file = try directory.write("s3cr3t\n", to: "key")
            #expect(resolve(service, "file:\(file)").value == "s3cr3t")
            #expect(resolve(service, "file:\(try directory.write("a\n\n", to: "two"))").value == "a\n")
            #expect(resolve(service, "file:\(try directory.write("", to: "empty"))").value == "")
            setenv("MOORING_TEST_SECRET", "from the environment", 1)
            defer { unsetenv("MOORING_TEST_SECRET") }
            #expect(resolve(service, "env:MOORING_TEST_SECRET").value == "from the environment")
            #expect(resolve(service, "env:MOORING_TEST_NO_SUCH").code == 4)
            #expect(resolve(service, "file:\(directory.path("none"))").code == 4)
            #expect(resolve(service, "vault:secret/key").code == 3)
            #expect(resolve(service, "plain-secret").code == 3)
            #expect(resolve(service, "plain-secret").message?.contains("plain-secret") == false)
            let large = try directory.write(Data(count: 65_537), to: "large")
            #expect(resolve(service, "file:\(large)").code == 15)
        }
    }

    private func resolve(_ service: moor_svc_secret, _ reference: String) -> Answer {
        let answer = Answer()
        withCall(answer) { call in
            withText(reference) { service.resolve(service.obj, call, $0, takeAnswer) }
        }
        return answer
    }
}

/// What a completion brought.
private final class Answer {
    var value: String?
    var code: moor_code = 0
    var message: String?
}

private func takeAnswer(
    _ context: UnsafeMutableRawPointer?, _ error: UnsafePointer<moor_error>?, _ buffer: UnsafePointer<moor_buf>?
) {
    guard let context else { return }
    let answer = Unmanaged<Answer>.fromOpaque(context).takeUnretainedValue()
    if let error {
        answer.code = error.pointee.code
        answer.message = text(error.pointee.message)
    } else if let buffer {
        let bytes = UnsafeRawBufferPointer(start: buffer.pointee.ptr, count: buffer.pointee.len)
        answer.value = String(decoding: bytes, as: UTF8.self)
        buffer.pointee.release?(buffer.pointee.release_ctx)
    }
}

private func withCall(_ answer: Answer, _ body: (UnsafePointer<moor_call>) -> Void) {
    var cancel = moor_cancel(
        struct_size: UInt32(MemoryLayout<moor_cancel>.size), reserved0: 0, obj: nil, is_cancelled: { _ in 0 },
        on_cancel: { _, _, _ in 0 }, off_cancel: { _, _ in })
    withUnsafePointer(to: &cancel) { cancel in
        var call = moor_call(
            struct_size: UInt32(MemoryLayout<moor_call>.size), flags: 0, deadline_ns: .max, cancel: cancel,
            request_id: moor_str(), trace_parent: moor_str(), done_ctx: Unmanaged.passUnretained(answer).toOpaque())
        body(&call)
    }
}

/// Counts what runs, and where. Never freed: a timer may outlive its test.
private final class Tally: Sendable {
    private let state = Mutex((count: 0, threads: Set<UInt>(), hasBegun: false))

    var count: Int { state.withLock { $0.count } }
    var threads: Set<UInt> { state.withLock { $0.threads } }
    var hasBegun: Bool { state.withLock { $0.hasBegun } }
    var context: UnsafeMutableRawPointer { Unmanaged.passRetained(self).toOpaque() }

    func begin() { state.withLock { $0.hasBegun = true } }

    func end() {
        state.withLock { state in
            state.count += 1
            state.threads.insert(UInt(pthread_self()))
        }
    }
}

private func countUp(_ context: UnsafeMutableRawPointer?) {
    if let context { Unmanaged<Tally>.fromOpaque(context).takeUnretainedValue().end() }
}

private func takeTime(_ context: UnsafeMutableRawPointer?) {
    usleep(500)
    countUp(context)
}

private func countSlowly(_ context: UnsafeMutableRawPointer?) {
    guard let context else { return }
    let tally = Unmanaged<Tally>.fromOpaque(context).takeUnretainedValue()
    tally.begin()
    usleep(50_000)
    tally.end()
}

private func text(_ value: moor_str) -> String {
    String(decoding: UnsafeRawBufferPointer(start: value.ptr, count: value.len), as: UTF8.self)
}

private func withText<Value>(_ text: String, _ body: (moor_str) -> Value) -> Value {
    var text = text
    return text.withUTF8 { utf8 in
        let pointer = UnsafeRawPointer(utf8.baseAddress)?.assumingMemoryBound(to: CChar.self)
        return body(moor_str(ptr: pointer, len: utf8.count))
    }
}
