import ArgumentParser
import RegistryConfiguration
import RegistryPlugins

/// `mooring config`
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Check, show and explain the configuration.",
        subcommands: [Check.self, Show.self, Describe.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check",
            abstract: "Say what is wrong with a configuration; exit status 1 if anything is.",
            discussion: """
                Unknown keys are errors here. The options of plugins are checked too, for which the plugins are loaded, and
                the files of http.tls are opened.
                """)

        @Argument(help: "The configuration.")
        var configuration: String?

        func run() throws {
            let loaded = ConfigurationFile.read(configuration)
            for issue in loaded.issues { Output.error(issue.text(in: configuration)) }
            var isGood = loaded.issues.allSatisfy { $0.severity < .error && !$0.message.hasPrefix("unknown key") }
            if let configuration = loaded.configuration {
                let assembly = ServerAssembly(configuration, logsTo: .nothing)
                var problems = Detached.value { await assembly.checkPlugins() } ?? []
                problems += assembly.checkTLS()
                _ = assembly.plugins.loadAll()
                for doubt in assembly.plugins.doubts { Output.error("warning: \(doubt)") }
                do { _ = try configuration.validation.urls() } catch {
                    problems.append("validation.manifests.urls: \(error)")
                }
                for problem in problems { Output.error(problem) }
                isGood = isGood && problems.isEmpty
            }
            guard isGood else { throw ExitCode(1) }
            Output.line("\(ConfigurationFile.path(configuration) ?? "the built-in configuration"): good")
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "Print the effective configuration, each value with where it comes from; secrets are masked.")

        @Argument(help: "The configuration.")
        var configuration: String?

        func run() throws {
            let loaded = ConfigurationFile.read(configuration)
            for issue in loaded.issues where issue.severity == .error { Output.error(issue.text(in: configuration)) }
            Output.line(loaded.show())
            if loaded.configuration == nil { throw ExitCode(1) }
        }
    }

    struct Describe: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "describe",
            abstract: "Explain every key, or those that begin with a prefix: type, default, meaning.")

        @Argument(help: "A key or the beginning of some, such as http.tls.")
        var key: String?

        func run() throws {
            if let text = ConfigurationDescription.describe(prefix: key) { return Output.line(text) }
            let nearest = key.flatMap { ConfigurationDescription.nearest(to: $0) }.map { "; did you mean \"\($0)\"?" }
            Output.error("there is no key \"\(key ?? "")\"\(nearest ?? "")")
            throw ExitCode(1)
        }
    }
}
