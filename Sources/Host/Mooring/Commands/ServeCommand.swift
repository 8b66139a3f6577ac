import ArgumentParser
import Glibc
import Logging

/// `mooring serve`
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the registry.",
        discussion: """
            Without a file, and without REGISTRY_CONFIGURATION_PATH, it serves http://127.0.0.1:5000 with the filesystem \
            driver in ./data. Each value can be overridden by an environment variable REGISTRY_<SECTION>_<KEY>. SIGTERM \
            and SIGINT stop it; running transfers may end within http.draintimeout. A second signal ends it at once.
            """)

    @Argument(help: "The configuration, in Distribution's format (version 0.1).")
    var configuration: String?

    func run() throws { try Self.serve(configuration) }

    /// Serves until a signal comes.
    static func serve(_ configurationFile: String?) throws {
        let (configuration, issues) = try ConfigurationFile.load(configurationFile)
        let assembly = ServerAssembly(configuration)
        for issue in issues { assembly.logger.warning("\(issue)") }
        let signals = TerminationSignals()
        Task.detached {
            do {
                try await assembly.start()
            } catch {
                assembly.logger.critical("can't start: \(error)")
                assembly.flushLog()
                // Plugins may have registered functions that run at exit; after a failed start they mustn't.
                _exit(1)
            }
        }
        // From the first moment: a plugin that hangs while it starts mustn't keep the process from ending.
        let name = signals.wait()
        assembly.logger.info("stopping", metadata: ["signal": "\(name)"])
        Task.detached {
            await assembly.stop()
            _exit(0)
        }
        guard let second = signals.wait(for: assembly.stopTimeout) else {
            assembly.logger.error("plugins did not stop in time; ending without them")
            assembly.flushLog()
            _exit(1)
        }
        assembly.logger.warning("ending at once", metadata: ["signal": "\(second)"])
        assembly.flushLog()
        _exit(1)
    }
}
