import ArgumentParser
import Glibc
import Logging
import RegistryPlugins
import RegistryTelemetry

/// `mooring plugin`
struct PluginCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plugin",
        abstract: "Look at plugins.",
        subcommands: [List.self, Inspect.self])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List the plugins that a configuration finds, and what they offer.",
            discussion: "Files that can't be used are listed with the rule that they break; then the exit status is 1.")

        @Option(name: .shortAndLong, help: "The configuration that says where plugins are.")
        var config: String?

        func run() throws {
            let (configuration, _) = try ConfigurationFile.load(config)
            let host = ServerAssembly(configuration, logsTo: .nothing).plugins
            let (plugins, errors) = host.loadAll()
            for plugin in plugins { Output.line(plugin.line) }
            for doubt in host.doubts { Output.error("warning: \(doubt)") }
            for error in errors { Output.error("\(error)") }
            if plugins.isEmpty && errors.isEmpty { Output.line("no plugins found") }
            if !errors.isEmpty { throw ExitCode(1) }
        }
    }

    struct Inspect: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "inspect",
            abstract: "Load one file in a process of its own and tell what it is, or which rule it breaks.")

        @Argument(help: "The plugin's file.")
        var file: String

        @Option(help: "The SHA-256 that the file must have.")
        var sha256: String?

        @Flag(help: .hidden)
        var inThisProcess = false

        func run() throws {
            if inThisProcess { return try inspect() }
            let status = try ChildProcess.run(
                ["plugin", "inspect", "--in-this-process", file] + (sha256.map { ["--sha256", $0] } ?? []), seconds: 20)
            switch status {
            case .exited(let code): if code != 0 { throw ExitCode(code) }
            case .signalled(let signal):
                Output.error(
                    "\(PluginError(.survivesEntry, plugin: file, "the process died of signal \(signal) while loading it"))"
                )
                throw ExitCode(1)
            case .timedOut:
                Output.error("\(PluginError(.survivesEntry, plugin: file, "loading it took more than 20 seconds"))")
                throw ExitCode(1)
            }
        }

        private func inspect() throws {
            let host = PluginHost(
                product: Product.name, version: Product.version, search: PluginSearch(directories: []),
                logger: Logger(label: Product.name) { _ in SwiftLogNoOpLogHandler() }, metrics: MetricsStore())
            do {
                let plugin = try host.inspect(file, sha256: sha256)
                Output.line(plugin.line)
                let schemas = Detached.value { await plugin.schemas(from: host) } ?? []
                for schema in schemas { Output.line(schema) }
                // The plugin stays mapped; nothing of it should run any more.
                _exit(0)
            } catch {
                Output.error("\(error)")
                _exit(1)
            }
        }
    }
}

extension PluginSummary {
    /// Everything about the plugin, for a terminal.
    fileprivate var line: String {
        let revision = "\(abiRevision >> 16).\(abiRevision & 0xFFFF)"
        var text = "\(info.name) \(info.version)  (ABI \(revision), \(path))"
        for component in info.components { text += "\n  \(component.interface)  \(component.name)" }
        return text
    }

    fileprivate func schemas(from host: PluginHost) async -> [String] {
        var result: [String] = []
        for component in info.components {
            let schema = try? await host.schema(of: component.name, interface: component.interface)
            if let schema { result.append("options of \(component.name): \(schema)") }
        }
        return result
    }
}
