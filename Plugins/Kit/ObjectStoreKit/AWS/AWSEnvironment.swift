import Glibc

/// The environment and the files that credentials may come from; replaced in tests.
public struct AWSEnvironment: Sendable {
    /// A variable; nil if it isn't set or empty.
    public var variable: @Sendable (String) -> String?
    /// The text of a small file; nil if it can't be read.
    public var file: @Sendable (String) -> String?

    /// The process's own.
    public static let process = AWSEnvironment(
        variable: { name in
            guard let value = getenv(name) else { return nil }
            let text = String(cString: value)
            return text.isEmpty ? nil : text
        }, file: AWSEnvironment.read)

    /// An environment of these.
    public init(
        variable: @escaping @Sendable (String) -> String?, file: @escaping @Sendable (String) -> String?
    ) {
        self.variable = variable
        self.file = file
    }

    /// The user's directory.
    var home: String? { variable("HOME") }

    /// The shared files, where they are or where variables say.
    var profiles: AWSProfiles {
        let folder = home.map { $0 + "/.aws/" }
        let config = variable("AWS_CONFIG_FILE") ?? folder.map { $0 + "config" }
        let credentials = variable("AWS_SHARED_CREDENTIALS_FILE") ?? folder.map { $0 + "credentials" }
        return AWSProfiles(config: config.flatMap(file) ?? "", credentials: credentials.flatMap(file) ?? "")
    }

    /// At most a mebibyte of a file.
    private static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while bytes.count < 1 << 20 {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            guard count > 0 else { return count == 0 ? String(validating: bytes, as: UTF8.self) : nil }
            bytes += chunk[..<count]
        }
        return nil
    }
}
