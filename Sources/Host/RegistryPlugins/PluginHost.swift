import Glibc
public import Logging
public import RegistryStorage
public import RegistryTelemetry
import Synchronization

/// Where plugins are looked for.
public struct PluginSearch: Sendable {
    /// A single file, loaded whatever it is called.
    public struct File: Sendable {
        /// The path.
        public var path: String
        /// The SHA-256 that the file must have, in hexadecimal; nil: any.
        public var sha256: String?

        /// A file.
        public init(path: String, sha256: String? = nil) {
            self.path = path
            self.sha256 = sha256
        }
    }

    /// Directories whose `*.so` files are plugins.
    public var directories: [String]
    /// Whether it is a mistake if one of the directories can't be read: yes for those that somebody configured.
    public var requiresDirectories: Bool
    /// Single files; each must load.
    public var files: [File]

    /// Where to look.
    public init(directories: [String], requiresDirectories: Bool = false, files: [File] = []) {
        self.directories = directories
        self.requiresDirectories = requiresDirectories
        self.files = files
    }
}

/// How long calls into plugins may take.
public struct PluginTimeouts: Sendable {
    /// An ordinary operation.
    public var operation: Duration = .seconds(60)
    /// An operation that moves a whole object, such as a commit.
    public var transfer: Duration = .seconds(600)
    /// How long after its deadline an operation is given up, when cancelling it had no effect.
    public var grace: Duration = .seconds(10)

    /// The defaults.
    public init() {}
}

/// Something that a configuration names: a component and its options.
public struct PluginComponent: Sendable {
    /// The component's name.
    public var name: String
    /// Its options, a JSON object.
    public var options: String
    /// The text of values that the JSON holds as numbers or booleans, by JSON pointer: an option that must be text gets
    /// it, so that `accesskey: 0123` stays `0123`.
    public var scalarTexts: [String: String]

    /// A component with options.
    public init(name: String, options: String, scalarTexts: [String: String] = [:]) {
        self.name = name
        self.options = options
        self.scalarTexts = scalarTexts
    }
}

/// What is known of a loaded plugin.
public struct PluginSummary: Sendable {
    /// The file.
    public var path: String
    /// What it says of itself.
    public var info: PluginInfo
    /// The ABI revision it was built with, major in the upper 16 bits.
    public var abiRevision: UInt32
}

/// Loads plugins and makes instances of what they offer. One for the process.
public final class PluginHost: Sendable {
    /// What plugins have done against the contract.
    public let violations: ViolationLog
    private let search: PluginSearch
    private let services: HostServices
    private let logger: Logger
    private let timeouts: ExecutionPolicy.Timeouts
    private let state = Mutex(State())
    private let loading = Mutex(())

    private struct State {
        var loaded: [String: LoadedPlugin] = [:]
        var failed: [String: PluginError] = [:]
        var instances: [PluginInstance] = []
        /// What an operator may have meant otherwise, by component.
        var doubts: [String: String] = [:]
    }

    /// - Parameters:
    ///   - product: the name that plugins are told, such as `mooring`.
    ///   - version: the host's version.
    ///   - search: where plugins are looked for.
    ///   - timeouts: how long calls may take.
    ///   - logger: for the host's and the plugins' lines.
    ///   - metrics: where plugins' metrics go.
    public init(
        product: String, version: String, search: PluginSearch, timeouts: PluginTimeouts = PluginTimeouts(),
        logger: Logger, metrics: MetricsStore
    ) {
        self.search = search
        self.logger = logger
        violations = ViolationLog(logger: logger)
        services = HostServices(product: product, version: version, logger: logger, metrics: metrics)
        self.timeouts = ExecutionPolicy.Timeouts(
            call: timeouts.operation.nanosecondCount, transfer: timeouts.transfer.nanosecondCount,
            grace: timeouts.grace.nanosecondCount)
    }

    /// Opens a storage driver and wraps it: the first middleware is the innermost, as in Distribution.
    /// - Throws: `PluginError`.
    public func openStorage(
        _ component: PluginComponent, middleware: [PluginComponent] = []
    ) async throws -> any StorageDriver {
        let driver = try await start(component, "moor.storage/1", "storage").storage()
        return try await wrap(driver, in: middleware)
    }

    /// Wraps any driver in middlewares, the first one innermost.
    /// - Throws: `PluginError`.
    public func wrap(
        _ driver: any StorageDriver, in middleware: [PluginComponent]
    ) async throws -> any StorageDriver {
        var driver = driver
        for layer in middleware {
            driver = try await start(layer, "moor.storage-middleware/1", "middleware.storage").wrap(driver)
        }
        return driver
    }

    /// Looks whether options fit a component, without making an instance.
    public func checkOptions(_ component: PluginComponent, interface: String, section: String) async throws {
        let factory = try PluginFactory(try find(component.name, interface, section), timeouts: timeouts)
        _ = try await check(component, factory)
    }

    /// Stops all instances, the latest first, and tears down each plugin: at once if nothing holds an instance of it any
    /// more, else when the last is destroyed. Nothing can be opened afterwards.
    public func shutdown() async {
        await stopInstances()
        for plugin in state.withLock({ Self.distinct($0.loaded) }) { plugin.close() }
    }

    private func stopInstances() async {
        let instances = state.withLock { state in
            defer { state.instances = [] }
            return state.instances
        }
        for instance in instances.reversed() {
            do {
                try await instance.stop()
            } catch {
                logger.warning("a plugin's instance did not stop: \(error)")
            }
        }
    }

    /// Loads every plugin that can be found.
    /// - Returns: the plugins, and what is wrong with the directories that were configured and the files in them.
    public func loadAll() -> (plugins: [PluginSummary], errors: [PluginError]) {
        var errors = directoryErrors()
        for candidate in candidates() {
            do {
                _ = try load(candidate)
            } catch {
                errors.append(error)
            }
        }
        let loaded = state.withLock { Self.distinct($0.loaded) }
        for component in Set(loaded.flatMap(\.info.components)) {
            guard let used = try? find(component.name, component.interface, "component") else { continue }
            noteOthers(than: used, component.name, component.interface)
        }
        return (
            loaded.map { PluginSummary(path: $0.path, info: $0.info, abiRevision: $0.abiRevision) }, errors
        )
    }

    /// Each plugin once, though it may be known by several paths.
    private static func distinct(_ loaded: [String: LoadedPlugin]) -> [LoadedPlugin] {
        loaded.filter { $0.key == $0.value.path }.values.sorted { $0.path < $1.path }
    }

    /// What was found that an operator may have meant otherwise, such as two plugins that offer one component.
    public var doubts: [String] { state.withLock { $0.doubts.values.sorted() } }

    /// Loads one file and tells what it is.
    public func inspect(_ path: String, sha256: String? = nil) throws -> PluginSummary {
        let plugin = try load(PluginSearch.File(path: path, sha256: sha256))
        return PluginSummary(path: plugin.path, info: plugin.info, abiRevision: plugin.abiRevision)
    }

    /// The schema of a component's options, JSON text; nil if its plugin publishes none.
    public func schema(of component: String, interface: String) async throws -> String? {
        let factory = try PluginFactory(try find(component, interface, "component"), timeouts: timeouts)
        return try await factory.schema(of: component).map { String(decoding: $0, as: UTF8.self) }
    }

    // MARK: Instances

    private func start(
        _ component: PluginComponent, _ interface: String, _ section: String
    ) async throws -> PluginInstance {
        let plugin = try find(component.name, interface, section)
        // Said before, because it may hang: what waits for a network or a lock must be seen to.
        logger.info("starting \(section).\(component.name)", metadata: ["plugin": "\(plugin.path)"])
        let factory = try PluginFactory(plugin, timeouts: timeouts)
        let options = try await check(component, factory)
        do {
            let instance = try await factory.create(component.name, options: options)
            try await instance.start()
            state.withLock { $0.instances.append(instance) }
            return instance
        } catch {
            throw PluginError(
                error.code == .config ? .options : .instanceStarts, plugin: plugin.info.name,
                "\(section).\(component.name) can't be started: \(error.message)")
        }
    }

    /// - Returns: the options, with texts where the schema wants texts.
    private func check(_ component: PluginComponent, _ factory: PluginFactory) async throws -> String {
        let name = factory.plugin.info.name
        do {
            var options = component.options
            if let schema = try await factory.schema(of: component.name) {
                options = try OptionSchema(json: schema, plugin: name).check(options, texts: component.scalarTexts)
            }
            if let report = try await factory.validate(component.name, options: options) {
                try ValidationReport(json: report, plugin: name).check(logger: logger)
            }
            return options
        } catch let error as StorageError {
            throw PluginError(.options, plugin: name, "its options can't be checked: \(error.message)")
        }
    }

    // MARK: Files

    /// The plugin that offers a component; loads what is needed to find it.
    private func find(_ component: String, _ interface: String, _ section: String) throws(PluginError) -> LoadedPlugin {
        for file in search.files { _ = try load(file) }
        // A file that is named after the component is tried first, so that the others needn't be loaded at all.
        let files = directoryFiles()
        let likely = files.filter { $0.path.lowercased().contains(component.lowercased()) }
        var errors: [PluginError] = []
        for file in search.files + likely + files {
            do {
                let plugin = try load(file)
                guard plugin.offers(component, interface) else { continue }
                for file in likely { _ = try? load(file) }
                noteOthers(than: plugin, component, interface)
                return plugin
            } catch {
                if !errors.contains(where: { $0.plugin == error.plugin }) { errors.append(error) }
            }
        }
        // One that was asked for by its path alone.
        let inspected = state.withLock { state in
            Self.distinct(state.loaded).first { $0.offers(component, interface) }
        }
        if let inspected { return inspected }
        throw notFound(component, interface, section, errors)
    }

    /// Of several plugins that offer a component one is used, which may not be the one that was meant.
    private func noteOthers(than used: LoadedPlugin, _ component: String, _ interface: String) {
        let others = state.withLock { state in
            Self.distinct(state.loaded).filter { $0.path != used.path && $0.offers(component, interface) }
        }
        guard !others.isEmpty else { return }
        let paths = others.map(\.path).joined(separator: ", ")
        let doubt = "several plugins offer \(interface) \(component): \(used.path) is used, not \(paths)"
        let isNews = state.withLock { $0.doubts.updateValue(doubt, forKey: "\(interface) \(component)") != doubt }
        if isNews { logger.warning("\(doubt)") }
    }

    private func notFound(
        _ component: String, _ interface: String, _ section: String, _ errors: [PluginError]
    ) -> PluginError {
        let known = state.withLock { state in
            Set(state.loaded.values.flatMap(\.info.components).filter { $0.interface == interface }.map(\.name))
                .sorted()
        }
        var message = "\(section).\(component) names a component that no plugin offers"
        if let nearest = NearestName.of(component, in: known) { message += "; did you mean \"\(nearest)\"?" }
        message += known.isEmpty ? "; none of its kind was found" : "; there are: \(known.joined(separator: ", "))"
        message += "; looked in \(search.directories.joined(separator: ", "))"
        for error in errors + directoryErrors() { message += "; passed over \(error)" }
        return PluginError(.componentExists, plugin: component, message)
    }

    private func candidates() -> [PluginSearch.File] { search.files + directoryFiles() }

    private func directoryFiles() -> [PluginSearch.File] {
        search.directories.flatMap { directory in
            Self.names(in: directory).filter { $0.hasSuffix(".so") }.sorted()
                .map { PluginSearch.File(path: "\(directory)/\($0)") }
        }
    }

    /// Directories that somebody configured and that can't be read.
    private func directoryErrors() -> [PluginError] {
        guard search.requiresDirectories else { return [] }
        return search.directories.compactMap { directory in
            guard let stream = opendir(directory) else {
                return PluginError(
                    .fileReadable, plugin: directory,
                    "plugins.directories names it, but it can't be read: \(String(cString: strerror(errno)))")
            }
            closedir(stream)
            return nil
        }
    }

    private static func names(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            names.append(name)
        }
        return names
    }

    private func load(_ file: PluginSearch.File) throws(PluginError) -> LoadedPlugin {
        // One at a time: a plugin's entry is called once, however many look for it at the same time.
        try loading.withLock { _ throws(PluginError) in try loadUnlessKnown(file) }
    }

    private func loadUnlessKnown(_ file: PluginSearch.File) throws(PluginError) -> LoadedPlugin {
        if let known = state.withLock({ $0.loaded[file.path] }) { return known }
        if let error = state.withLock({ $0.failed[file.path] }) { throw error }
        do {
            let checked = try PluginFile(path: file.path, sha256: file.sha256)
            if let known = state.withLock({ $0.loaded[checked.path] }) { return known }
            let plugin = try LoadedPlugin(checked, services: services, violations: violations)
            state.withLock {
                $0.loaded[file.path] = plugin
                $0.loaded[checked.path] = plugin
            }
            logger.debug("plugin loaded", metadata: ["plugin": "\(plugin.info.name)", "file": "\(checked.path)"])
            return plugin
        } catch {
            state.withLock { $0.failed[file.path] = error }
            logger.error("plugin not loaded: \(error)")
            throw error
        }
    }
}

extension LoadedPlugin {
    func offers(_ component: String, _ interface: String) -> Bool {
        info.components.contains { $0.name == component && $0.interface == interface }
    }
}

extension Duration {
    /// The duration in nanoseconds, at least 0, cut at the largest number.
    var nanosecondCount: UInt64 {
        let seconds = UInt64(max(0, components.seconds)).multipliedReportingOverflow(by: 1_000_000_000)
        let sum = seconds.partialValue.addingReportingOverflow(UInt64(max(0, components.attoseconds / 1_000_000_000)))
        return seconds.overflow || sum.overflow ? .max / 4 : min(sum.partialValue, .max / 4)
    }
}
