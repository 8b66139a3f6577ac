import Glibc
import Logging
import PluginABI
import RegistryStorage
import RegistryTelemetry
import Synchronization

/// What the services of plugins lead to. One for the process.
final class HostServices: Sendable {
    let product: String
    let version: String
    let logger: Logger
    let metrics: MetricsStore
    /// Threads for work that plugins submit and that may block.
    let workers = WorkerPool(name: "plugin-work", maximumThreads: 64)
    /// Threads for work that computes: more than there are cores would only get into each other's way.
    let processors = WorkerPool(
        name: "plugin-cpu", maximumThreads: Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))

    init(product: String, version: String, logger: Logger, metrics: MetricsStore) {
        self.product = product
        self.version = version
        self.logger = logger
        self.metrics = metrics
        HostClock.shared.watch(workers)
        HostClock.shared.watch(processors)
    }
}

/// The services that one plugin gets, as C tables. Their memory is never freed, because the plugin keeps it.
final class PluginServices: @unchecked Sendable {
    // @unchecked: the tables are written once, before the plugin sees them; what they lead to is thread-safe.

    let shared: HostServices
    /// `moor_host` itself.
    let host: UnsafeMutablePointer<moor_host>
    /// The plugin's name for log lines: its file's until it has told its own.
    let name: Mutex<String>
    private let log: UnsafeMutablePointer<moor_svc_log>
    private let metric: UnsafeMutablePointer<moor_svc_metrics>
    private let exec: UnsafeMutablePointer<moor_svc_exec>
    private let timer: UnsafeMutablePointer<moor_svc_timer>
    private let secret: UnsafeMutablePointer<moor_svc_secret>

    init(_ shared: HostServices, plugin: String) {
        self.shared = shared
        name = Mutex(plugin)
        host = .allocate(capacity: 1)
        log = .allocate(capacity: 1)
        metric = .allocate(capacity: 1)
        exec = .allocate(capacity: 1)
        timer = .allocate(capacity: 1)
        secret = .allocate(capacity: 1)
        // The plugin holds pointers to this object for ever.
        let object = Unmanaged.passRetained(self).toOpaque()
        host.initialize(
            to: moor_host(
                struct_size: UInt32(MemoryLayout<moor_host>.size), abi_rev: MOOR_ABI_REV,
                product: Self.eternal(shared.product), version: Self.eternal(shared.version), obj: object,
                get_service: getService))
        log.initialize(
            to: moor_svc_log(
                struct_size: UInt32(MemoryLayout<moor_svc_log>.size), min_level: Self.level(shared.logger.logLevel),
                obj: object, write: writeLog))
        metric.initialize(
            to: moor_svc_metrics(
                struct_size: UInt32(MemoryLayout<moor_svc_metrics>.size), reserved0: 0, obj: object,
                define: defineMetric, record: recordMetric))
        exec.initialize(
            to: moor_svc_exec(
                struct_size: UInt32(MemoryLayout<moor_svc_exec>.size), reserved0: 0, obj: object, submit: submitTask))
        timer.initialize(
            to: moor_svc_timer(
                struct_size: UInt32(MemoryLayout<moor_svc_timer>.size), reserved0: 0, obj: object, after: startTimer,
                stop_timer: stopTimer))
        secret.initialize(
            to: moor_svc_secret(
                struct_size: UInt32(MemoryLayout<moor_svc_secret>.size), reserved0: 0, obj: object,
                resolve: resolveSecret, watch: nil, unwatch: nil))
    }

    /// The table of a service; nil if there is none of that id.
    func service(_ id: String) -> UnsafeRawPointer? {
        switch id {
        case "moor.host.log/1": UnsafeRawPointer(log)
        case "moor.host.metrics/1": UnsafeRawPointer(metric)
        case "moor.host.exec/1": UnsafeRawPointer(exec)
        case "moor.host.timer/1": UnsafeRawPointer(timer)
        case "moor.host.secret/1": UnsafeRawPointer(secret)
        default: nil
        }
    }

    private static func eternal(_ text: String) -> moor_str {
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: max(1, text.utf8.count))
        for (index, byte) in text.utf8.enumerated() { copy[index] = CChar(bitPattern: byte) }
        return moor_str(ptr: UnsafePointer(copy), len: text.utf8.count)
    }

    private static func level(_ level: Logger.Level) -> Int32 {
        switch level {
        case .trace: 0
        case .debug: 1
        case .info, .notice: 2
        case .warning: 3
        case .error, .critical: 4
        }
    }
}

private func services(_ object: UnsafeMutableRawPointer?) -> PluginServices? {
    object.map { Unmanaged<PluginServices>.fromOpaque($0).takeUnretainedValue() }
}

/// A borrowed text, repaired where it isn't UTF-8, cut at 16 KiB.
private func text(_ value: moor_str) -> String {
    guard let pointer = value.ptr, value.len > 0 else { return "" }
    return String(decoding: UnsafeRawBufferPointer(start: pointer, count: min(value.len, 16_384)), as: UTF8.self)
}

private func texts(_ values: UnsafePointer<moor_str>?, _ count: Int) -> [String]? {
    guard let values, count > 0 else { return count == 0 ? [] : nil }
    guard count <= 32 else { return nil }
    return UnsafeBufferPointer(start: values, count: count).map(text)
}

private func getService(_ object: UnsafeMutableRawPointer?, _ id: moor_str) -> UnsafeRawPointer? {
    services(object)?.service(text(id))
}

private func writeLog(
    _ object: UnsafeMutableRawPointer?, _ level: Int32, _ target: moor_str, _ message: moor_str,
    _ fields: UnsafePointer<moor_kv>?, _ count: Int
) {
    guard let services = services(object) else { return }
    let logger = services.shared.logger
    let levels: [Logger.Level] = [.trace, .debug, .info, .warning, .error]
    let level = levels[Int(max(0, min(4, level)))]
    guard logger.logLevel <= level else { return }
    var metadata: Logger.Metadata = ["plugin": "\(services.name.withLock { $0 })"]
    if target.len > 0 { metadata["target"] = "\(text(target))" }
    if let fields, (1...64).contains(count) {
        for field in UnsafeBufferPointer(start: fields, count: count) {
            // Who wrote a line isn't the plugin's to say.
            let key = text(field.key)
            if key != "plugin" { metadata[key] = "\(text(field.value))" }
        }
    }
    logger.log(level: level, "\(text(message))", metadata: metadata, source: "plugin")
}

private func defineMetric(
    _ object: UnsafeMutableRawPointer?, _ kind: UInt32, _ name: moor_str, _ unit: moor_str,
    _ labels: UnsafePointer<moor_str>?, _ count: Int, _ identifier: UnsafeMutablePointer<UInt64>
) -> moor_code {
    guard let metrics = services(object)?.shared.metrics, let labels = texts(labels, count),
        let kind = [0: MetricsStore.Kind.counter, 1: .gauge, 2: .histogram][kind]
    else { return 2 }
    do {
        identifier.pointee = try metrics.define(kind: kind, name: text(name), unit: text(unit), labels: labels)
        return 0
    } catch {
        return 2
    }
}

private func recordMetric(
    _ object: UnsafeMutableRawPointer?, _ identifier: UInt64, _ value: Double, _ labels: UnsafePointer<moor_str>?,
    _ count: Int
) {
    guard let labels = texts(labels, count) else { return }
    services(object)?.shared.metrics.record(identifier, value, labels: labels)
}

private func submitTask(
    _ object: UnsafeMutableRawPointer?, _ lane: UInt32, _ function: @escaping moor_task_fn,
    _ context: UnsafeMutableRawPointer?
) -> moor_code {
    let argument = TaskArgument(pointer: context)
    guard let shared = services(object)?.shared else { return 16 }
    let pool = lane == 1 ? shared.processors : shared.workers
    return pool.submit(.function { function(argument.pointer) }) ? 0 : 16
}

private func startTimer(
    _ object: UnsafeMutableRawPointer?, _ delay: Int64, _ function: @escaping moor_task_fn,
    _ context: UnsafeMutableRawPointer?
) -> UInt64 {
    let argument = TaskArgument(pointer: context)
    return HostClock.shared.after(delay) { function(argument.pointer) }
}

private func stopTimer(_ object: UnsafeMutableRawPointer?, _ identifier: UInt64) -> Int32 {
    HostClock.shared.stop(identifier) ? 1 : 0
}

/// A plugin's context on its way to another thread.
private struct TaskArgument: @unchecked Sendable {
    // @unchecked: the host only passes it back.
    let pointer: UnsafeMutableRawPointer?
}

private func resolveSecret(
    _ object: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ reference: moor_str,
    _ done: @escaping moor_done_buf
) {
    let context = call.pointee.done_ctx
    do {
        let secret = try SecretReference(text(reference)).resolve()
        let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, secret.count + 8))
        // The length stands before the bytes, so that the release can wipe them.
        UnsafeMutableRawPointer(memory).storeBytes(of: secret.count, as: Int.self)
        for (index, byte) in secret.enumerated() { memory[index + 8] = byte }
        var buffer = moor_buf(
            ptr: UnsafePointer(memory + 8), len: secret.count, release: releaseSecret, release_ctx: memory)
        done(context, nil, &buffer)
    } catch {
        var message = error.message
        message.withUTF8 { utf8 in
            utf8.withMemoryRebound(to: CChar.self) { bytes in
                var failure = moor_error()
                failure.struct_size = UInt32(MemoryLayout<moor_error>.size)
                failure.code = error.code.rawValue
                failure.retry_after_ms = -1
                failure.message = moor_str(ptr: bytes.baseAddress, len: bytes.count)
                done(context, &failure, nil)
            }
        }
    }
}

private func releaseSecret(_ context: UnsafeMutableRawPointer?) {
    guard let context else { return }
    let count = context.load(as: Int.self)
    explicit_bzero(context, count + 8)
    context.deallocate()
}
