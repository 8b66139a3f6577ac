import Glibc
import HTTPServer
import Logging
import NIOHTTP1
import RegistryConfiguration
import RegistryCore
import RegistryHTTP
import RegistryPlugins
import RegistryStorage
import RegistryTelemetry
import Synchronization

/// Puts a server together from its configuration.
final class ServerAssembly: Sendable {
    /// Where log lines go.
    enum LogTarget {
        case standardError
        case nothing
    }

    /// A part that can't be had; the text says which and why.
    struct Refusal: Error, CustomStringConvertible {
        let description: String
    }

    let logger: Logger
    private let logging: RegistryLogging?
    let plugins: PluginHost
    private let configuration: RegistryConfiguration
    private let metrics = MetricsStore()
    private let server = Mutex<HTTPServer?>(nil)
    private let purging = Mutex<Task<Void, Never>?>(nil)
    private let accessLog: AccessLog?

    init(_ configuration: RegistryConfiguration, logsTo target: LogTarget = .standardError) {
        self.configuration = configuration
        switch target {
        case .standardError: logging = RegistryLogging(configuration.log.settings)
        case .nothing: logging = nil
        }
        logger = logging?.logger(label: Product.name) ?? Logger(label: Product.name) { _ in SwiftLogNoOpLogHandler() }
        accessLog = configuration.log.accessLogDisabled ? nil : AccessLog()
        plugins = PluginHost(
            product: Product.name, version: Product.version, search: Self.search(configuration.plugins),
            timeouts: configuration.storage.timeouts, logger: logger, metrics: metrics)
    }

    /// Starts serving.
    func start() async throws {
        try refuseMissingAuth()
        DescriptorLimit.raise(for: configuration.http.limits.connections, logger)
        let driver = try await openStorage()
        var settings = try configuration.registrySettings()
        settings.secret = await secret(configured: settings.secret, in: driver)
        let registry = Registry(driver: driver, settings: settings, logger: logger)
        let responder = RegistryResponder(registry: registry, settings: configuration.httpSettings, logger: logger)
        let server = HTTPServer(
            configuration: configuration.serverConfiguration, logger: logger, responder: responder,
            onExchange: accessLog.map(Self.recorder))
        self.server.withLock { $0 = server }
        let addresses = try await server.start()
        logger.info(
            "listening",
            metadata: [
                "address": "\(addresses.map(\.text).joined(separator: ", "))", "storage": "\(driver.name)",
                "version": "\(Product.version)",
            ])
        startPurging(registry)
        // A driver that remembers large folders has read this one before the first client asks.
        Task { _ = try? await registry.catalog(after: nil, limit: 1) }
    }

    /// How long `stop` may take: the running transfers, and then plugins that write what they hold.
    var stopTimeout: Duration { configuration.http.drainTimeout + max(configuration.http.drainTimeout, .seconds(10)) }

    /// Stops serving: running transfers may end, then plugins are stopped.
    func stop() async {
        let purging = self.purging.withLock { $0.take() }
        purging?.cancel()
        await stopServer()
        await purging?.value
        await plugins.shutdown()
        _ = accessLog?.flush()
        flushLog()
    }

    private func stopServer() async {
        let server = self.server.withLock { $0.take() }
        await server?.shutdown(drain: configuration.http.drainTimeout)
    }

    /// Writes what a slow reader of the log has not taken yet; for the end of the process.
    func flushLog() { _ = logging?.flush() }

    /// A backend that is configured and not there must never mean that everybody is let in.
    private func refuseMissingAuth() throws(Refusal) {
        guard let auth = configuration.auth else { return }
        throw Refusal(
            description: "\(auth.origin): auth.\(auth.name) names a backend that no plugin offers; refusing to run open"
        )
    }

    /// What authenticates upload sessions: as configured, else of the root, else random for this process alone (empty).
    private func secret(configured: String, in driver: any StorageDriver) async -> String {
        // A registry that is read-only has no uploads, and writes nothing.
        guard configured.isEmpty, !configuration.storage.readOnly else { return configured }
        do {
            return try await SharedSecret.shared(in: driver)
        } catch {
            logger.warning(
                "http.secret is not set: uploads can't go on in another process or after a restart",
                metadata: ["reason": "\(error)"])
            return ""
        }
    }

    /// Removes uploads that nobody finished, from time to time. Of several processes that start together not all do it at
    /// once.
    private func startPurging(_ registry: Registry) {
        guard let settings = configuration.storage.uploadPurging, !configuration.storage.readOnly else { return }
        let first = min(settings.interval, .seconds(3600)) * Double.random(in: 0..<1)
        let task = Task { [logger] in
            var pause = first
            while (try? await Task.sleep(for: pause)) != nil {
                do throws(RegistryError) {
                    let outcome = try await registry.purgeUploads(olderThan: settings.age, isDryRun: settings.isDryRun)
                    logger.info(
                        "abandoned uploads were looked for",
                        metadata: ["found": "\(outcome.found)", "removed": "\(outcome.removed)"])
                } catch {
                    if !Task.isCancelled {
                        logger.warning(
                            "abandoned uploads can't be removed",
                            metadata: ["error": "\(error.cause.map { "\($0)" } ?? error.message)"])
                    }
                }
                pause = settings.interval
            }
        }
        purging.withLock { $0 = task }
    }

    private func openStorage() async throws -> any StorageDriver {
        var driver = try await locating(configuration.storage.driver) { [plugins] in
            try await plugins.openStorage($0)
        }
        for layer in configuration.storageMiddleware {
            driver = try await locating(layer) { [plugins, driver] in try await plugins.wrap(driver, in: [$0]) }
        }
        return driver
    }

    /// Lets errors of a component's options name the line that they are on.
    private func locating(
        _ component: ComponentConfiguration,
        _ open: (PluginComponent) async throws -> any StorageDriver
    ) async throws -> any StorageDriver {
        do {
            return try await open(component.forPlugin)
        } catch {
            throw Refusal(description: explain(error, component))
        }
    }

    /// What is wrong with the components that the configuration names.
    func checkPlugins() async -> [String] {
        var problems: [String] = []
        do throws(Refusal) {
            try refuseMissingAuth()
        } catch {
            problems.append("\(error)")
        }
        let parts =
            [(configuration.storage.driver, "moor.storage/1", "storage")]
            + configuration.storageMiddleware.map { ($0, "moor.storage-middleware/1", "middleware.storage") }
        for (component, interface, section) in parts {
            do {
                try await plugins.checkOptions(component.forPlugin, interface: interface, section: section)
            } catch {
                problems.append(explain(error, component))
            }
        }
        return problems
    }

    /// What keeps the files that `http.tls` names from being used, each with its key.
    func checkTLS() -> [String] {
        guard let tls = configuration.http.tls else { return [] }
        return HTTPServer.problems(with: tls.serverTLS).map { part, error in
            let key =
                switch part {
                case .certificate: ".certificate"
                case .privateKey: ".key"
                case .combination: ""
                }
            return "http.tls\(key): \(error)"
        }
    }

    /// An error with the place in the configuration that it comes from.
    private func explain(_ error: any Error, _ component: ComponentConfiguration) -> String {
        guard let pointer = (error as? PluginError)?.option else { return "\(error)" }
        let options = component.options
        return "\(options.origins.isEmpty ? component.origin : options.origin(at: pointer)): \(error)"
    }

    private static func recorder(_ log: AccessLog) -> @Sendable (HTTPExchange) -> Void {
        { exchange in
            log.record(
                AccessEntry(
                    remote: exchange.remoteAddress, method: exchange.method.rawValue, target: exchange.target,
                    version: "HTTP/\(exchange.version.major).\(exchange.version.minor)",
                    status: Int(exchange.status.code), bytes: Int64(clamping: exchange.bytesSent),
                    referer: exchange.requestHeaders.first(name: "Referer") ?? "",
                    userAgent: exchange.requestHeaders.first(name: "User-Agent") ?? ""))
        }
    }

    /// Where plugins are looked for when the configuration doesn't say: beside the executable, and where packages put
    /// them. Never the working directory.
    private static func search(_ plugins: RegistryConfiguration.Plugins) -> PluginSearch {
        let files = plugins.load.map { PluginSearch.File(path: $0.path, sha256: $0.sha256) }
        guard plugins.directories.isEmpty else {
            return PluginSearch(directories: plugins.directories, requiresDirectories: true, files: files)
        }
        var directories = ["/usr/lib/mooring/plugins"]
        if let resolved = realpath("/proc/self/exe", nil) {
            let executable = String(cString: resolved)
            free(resolved)
            if let slash = executable.lastIndex(of: "/") { directories.insert(String(executable[..<slash]), at: 0) }
        }
        return PluginSearch(directories: directories, files: files)
    }
}
