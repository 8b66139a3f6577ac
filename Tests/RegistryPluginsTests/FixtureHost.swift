import NIOCore
import RegistryPlugins
import RegistryStorage
import TestSupport
import Testing

/// A host with one fixture, loaded from a copy of its own: its violations and its entry are nobody else's.
struct FixtureHost {
    let host: PluginHost
    let library: String
    let log = LogRecord()

    /// - Parameter name: the file in `PluginContractTests/Fixtures`, without `.c`.
    init(
        _ name: String, defining definitions: [String] = [], timeouts: PluginTimeouts = PluginTimeouts()
    ) async throws {
        library = try PluginFixture.copy(
            of: try await PluginFixture.library(
                "Tests/PluginContractTests/Fixtures/\(name).c", defining: definitions))
        host = .forTests(files: [library], timeouts: timeouts, logger: log.logger)
    }

    func open(_ component: String, options: String = "{}") async throws -> any StorageDriver {
        try await host.openStorage(PluginComponent(name: component, options: options))
    }

    func violations(_ rule: PluginError.Rule, _ plugin: String) -> UInt64 {
        host.violations.count(of: rule, plugin: plugin)
    }
}

extension PluginTimeouts {
    /// So short that a test can wait for their end.
    static let short: PluginTimeouts = {
        var timeouts = PluginTimeouts()
        timeouts.operation = .milliseconds(200)
        timeouts.transfer = .milliseconds(200)
        timeouts.grace = .milliseconds(300)
        return timeouts
    }()
}

/// Expects a `PluginError` of a rule whose text has all of the words.
func expectRule(
    _ rule: PluginError.Rule, _ words: String..., sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> some Any
) async {
    do {
        _ = try await body()
        Issue.record("succeeded; expected rule \(rule.rawValue)", sourceLocation: sourceLocation)
    } catch let error as PluginError {
        #expect(error.rule == rule, "\(error)", sourceLocation: sourceLocation)
        for word in words {
            #expect("\(error)".contains(word), "\"\(error)\" lacks \"\(word)\"", sourceLocation: sourceLocation)
        }
        #expect("\(error)".contains("[rule \(rule.rawValue)]"), sourceLocation: sourceLocation)
    } catch {
        Issue.record("not a plugin error: \(error)", sourceLocation: sourceLocation)
    }
}

/// Expects a `StorageError` with a code and, if given, a broken rule in its text.
@discardableResult
func expectFailure(
    _ code: StorageError.Code, breaking rule: PluginError.Rule? = nil,
    sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> some Any
) async -> StorageError? {
    do {
        _ = try await body()
        Issue.record("succeeded; expected \(code)", sourceLocation: sourceLocation)
    } catch let error as StorageError {
        #expect(error.code == code, "\(error)", sourceLocation: sourceLocation)
        if let rule {
            #expect(error.message.contains("[rule \(rule.rawValue)]"), "\(error)", sourceLocation: sourceLocation)
        }
        return error
    } catch {
        Issue.record("not a storage error: \(error)", sourceLocation: sourceLocation)
    }
    return nil
}

extension StorageDriver {
    func look(_ path: String) async throws -> StorageStat { try await stat(try StoragePath(path)) }

    func get(_ path: String, limit: Int = 1 << 20) async throws -> [UInt8] {
        [UInt8](try await content(at: try StoragePath(path), limit: limit).readableBytesView)
    }

    @discardableResult
    func put(_ path: String, _ bytes: [UInt8]) async throws -> StorageStat {
        try await put(ByteBuffer(bytes: bytes), at: try StoragePath(path), if: nil)
    }

    func children(_ path: String, limit: Int = 100) async throws -> StoragePage {
        try await list(try StoragePath(path), from: .start, limit: limit)
    }

    func read(_ path: String) async throws -> [UInt8] {
        let reader = try await openReader(at: try StoragePath(path), offset: 0, length: nil)
        defer { reader.close() }
        var bytes: [UInt8] = []
        while let next = try await reader.next(upTo: 1000) { bytes += next.readableBytesView }
        return bytes
    }

    /// Puts, reads and removes an object: what every healthy driver can.
    func expectHealthy(sourceLocation: SourceLocation = #_sourceLocation) async {
        await #expect(throws: Never.self, sourceLocation: sourceLocation) {
            try await put("/healthy/object", [1, 2, 3])
            let bytes = try await get("/healthy/object")
            #expect(bytes == [1, 2, 3], sourceLocation: sourceLocation)
            try await remove(try StoragePath("/healthy/object"), tree: false)
        }
    }
}
