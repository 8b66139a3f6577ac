import Foundation
import NIOCore
import RegistryStorage
import TestSupport
import Testing

/// P74 and M4: a process that is killed while it writes, and another one that goes on.
@Suite("The ABI's checks: killed processes")
struct CrashChecks {
    @Test(
        "P74 · What was synced before a kill -9 is gone on with in another process",
        arguments: KilledPlugin.all)
    func resume(plugin: KilledPlugin) async throws {
        try await plugin.afterKill(bytes: 300_000, mode: "sync") { driver, token, durable in
            #expect(durable == 300_000)
            let writer = try await driver.append("/uploads/object", token: token)
            #expect((durable...600_000).contains(writer.startOffset))
            try await finish(writer, driver)
        }
    }

    @Test("M4 · What wasn't synced before a kill -9 is gone or right", arguments: KilledPlugin.all)
    func withoutSync(plugin: KilledPlugin) async throws {
        try await plugin.afterKill(bytes: 100_000, mode: "nosync") { driver, token, _ in
            await expectError(.notFound) { try await driver.look("/uploads/object") }
            let writer = try await driver.append("/uploads/object", token: token)
            #expect(writer.startOffset <= 100_000)
            try await finish(writer, driver)
        }
    }

    /// Writes the rest and compares the whole.
    private func finish(_ writer: any StorageWriter, _ driver: any StorageDriver) async throws {
        let content = KilledPlugin.content(700_000)
        try await writer.append(Array(content[Int(writer.startOffset)...]))
        try await writer.commit(checksum: "", if: nil)
        await writer.close()
        #expect(try await driver.get("/uploads/object") == content)
        #expect(try await driver.children("/uploads") == ["object"])
    }
}

/// A plugin for the program `killed_writer`, and the driver that finds what it left.
struct KilledPlugin: Sendable, CustomTestStringConvertible {
    let subject: StorageDriverUnderTest
    let library: @Sendable () async throws -> String
    let options: @Sendable (String) -> String

    var testDescription: String { subject.name }

    static let all = [
        KilledPlugin(
            subject: .filesystem, library: { BuildProducts.plugin("StorageFilesystem") },
            options: { #"{"rootdirectory":"\#($0)"}"# }),
        KilledPlugin(
            subject: .template, library: { try await PluginFixture.library(TestPlugins.templateSource) },
            options: { #"{"directory":"\#($0)/objects"}"# }),
    ]

    /// What the program writes.
    static func content(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 * 31 + $0 / 251) } }

    /// Lets a process write, kills it, and opens what it left in this process.
    func afterKill(
        bytes: Int, mode: String,
        _ body: (_ driver: any StorageDriver, _ token: [UInt8], _ durable: UInt64) async throws -> Void
    ) async throws {
        let program = try await PluginFixture.executable("Tests/PluginContractTests/Fixtures/killed_writer.c")
        let library = try await library()
        try await subject.withStore { store in
            let process = try ServerProcess(
                program, [library, subject.name, options(store.directory), "/uploads/object", "\(bytes)", mode],
                logFile: store.directory + ".log")
            try await process.ready { process.log.hasPrefix("ready") && process.log.hasSuffix("\n") }
            await expectError(.busy) { try await store.driver.append("/uploads/object") }
            #expect(await process.kill() == .signalled(SIGKILL))
            let words = process.log.split(whereSeparator: \.isWhitespace)
            try #require(words.count == 3)
            let token = stride(from: 0, to: words[1].count, by: 2).compactMap {
                UInt8(words[1].dropFirst($0).prefix(2), radix: 16)
            }
            try await body(store.driver, token, try #require(UInt64(words[2])))
        }
    }
}
