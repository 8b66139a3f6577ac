import ArgumentParser
import Glibc
import RegistryConfiguration

/// The configuration that a command works on.
enum ConfigurationFile {
    /// The file that an argument or `REGISTRY_CONFIGURATION_PATH` names.
    static func path(_ argument: String?) -> String? {
        argument ?? getenv("REGISTRY_CONFIGURATION_PATH").map { String(cString: $0) }
    }

    static var environment: [String: String] {
        var result: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let pair = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if pair.count == 2 { result[String(pair[0])] = String(pair[1]) }
            entry += 1
        }
        return result
    }

    static func read(_ argument: String?) -> LoadedConfiguration {
        ConfigurationSource.load(file: path(argument), environment: environment)
    }

    /// A configuration that can be used, with its warnings; errors end the command.
    static func load(_ argument: String?) throws -> (RegistryConfiguration, [ConfigurationIssue]) {
        let loaded = read(argument)
        guard let configuration = loaded.configuration else {
            for issue in loaded.issues where issue.severity == .error { Output.error(issue.text(in: argument)) }
            throw ExitCode(1)
        }
        return (configuration, loaded.issues)
    }
}

extension ConfigurationIssue {
    /// The issue; what has no place of its own, such as something missing, is named with the file.
    func text(in argument: String?) -> String {
        guard location == .standard, let file = ConfigurationFile.path(argument) else { return "\(self)" }
        return "\(file): \(self)"
    }
}

/// What commands print.
enum Output {
    /// A line on standard error.
    static func error(_ line: String) { write(2, line) }

    /// A line on standard output.
    static func line(_ line: String) { write(1, line) }

    private static func write(_ descriptor: CInt, _ line: String) {
        var bytes = Array((line + "\n").utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }
}
