import Foundation
import RegistryPlugins
import TestSupport
import Testing

/// What is looked at before any code of a plugin runs.
@Suite("Loading: the file")
struct FileRulesTests {
    private func inspect(_ path: String, sha256: String? = nil) throws -> PluginSummary {
        try PluginHost.forTests().inspect(path, sha256: sha256)
    }

    /// A good plugin in a directory of its own.
    private func withPlugin(_ body: (TemporaryDirectory, String) async throws -> Void) async throws {
        let library = try await PluginFixture.library("Tests/PluginContractTests/Fixtures/two_symbols.c")
        try await withTemporaryDirectory { directory in
            let bytes = try Data(contentsOf: URL(fileURLWithPath: library))
            try await body(directory, try directory.write(bytes, to: "plugins/good.so"))
        }
    }

    @Test("A good file is loaded and tells what it offers")
    func good() async throws {
        try await withPlugin { _, file in
            let summary = try inspect(file)
            #expect(summary.path == file)
            #expect(summary.info.name == "two-symbols")
            #expect(summary.info.version == "1.0.0")
            #expect(summary.info.components.map(\.name) == ["two-symbols"])
            #expect(summary.abiRevision == 0x10000)
        }
    }

    @Test("A missing file, and one that is no file")
    func missing() async throws {
        try await withPlugin { directory, file in
            await expectRule(.fileReadable, "/no.so", "No such file") { try inspect(directory.path("plugins/no.so")) }
            await expectRule(.fileReadable, "not a regular file") { try inspect(directory.path("plugins")) }
            try FileManager.default.createSymbolicLink(
                atPath: directory.path("plugins/link.so"), withDestinationPath: "good.so")
            #expect(try inspect(directory.path("plugins/link.so")).path == file, "links are followed")
        }
    }

    @Test("Files that aren't shared objects for this machine")
    func notOurs() async throws {
        try await withPlugin { directory, file in
            let text = try directory.write("#!/bin/sh\n# a script of some length\n", to: "plugins/text.so")
            await expectRule(.elfSharedObject, "not an ELF file") { try inspect(text) }
            let short = try directory.write("\u{7f}ELF", to: "plugins/short.so")
            await expectRule(.elfSharedObject, "not an ELF file") { try inspect(short) }
            await expectRule(.elfSharedObject) { try inspect(try directory.write("", to: "plugins/empty.so")) }
            // Class (32-bit), byte order, type (executable), machine.
            for (offset, value, word): (Int, UInt8, String) in [
                (4, 1, "class 1"), (5, 2, "64-bit shared object"), (16, 2, "type 2"), (18, 40, "machine 40"),
                (19, 1, "machine"),
            ] {
                var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
                bytes[offset] = value
                let foreign = try directory.write(bytes, to: "plugins/foreign-\(offset).so")
                await expectRule(.elfSharedObject, word) { try inspect(foreign) }
            }
        }
    }

    @Test("An executable is refused, also if it has the header of a shared object")
    func executable() async throws {
        let program = try await PluginFixture.executable("Tests/PluginContractTests/Fixtures/killed_writer.c")
        let header = try Data(contentsOf: URL(fileURLWithPath: program))[16]
        await expectRule(header == 3 ? .loads : .elfSharedObject, program) { try inspect(program) }
    }

    @Test("A file that was cut does not load")
    func cut() async throws {
        try await withPlugin { directory, file in
            let bytes = try Data(contentsOf: URL(fileURLWithPath: file))
            let cut = try directory.write(bytes.prefix(200), to: "plugins/cut.so")
            await expectRule(.loads, "cut.so", "can't be loaded") { try inspect(cut) }
        }
    }

    @Test("What everybody can write is refused, with the command that mends it")
    func writable() async throws {
        try await withPlugin { directory, file in
            #expect(chmod(file, 0o666) == 0)
            await expectRule(.notWorldWritable, "chmod o-w \(file)") { try inspect(file) }
            #expect(chmod(file, 0o644) == 0)
            #expect(chmod(directory.path("plugins"), 0o777) == 0)
            await expectRule(.notWorldWritable, "chmod o-w \(directory.path("plugins"))") { try inspect(file) }
            #expect(chmod(directory.path("plugins"), 0o1777) == 0)
            await expectRule(.notWorldWritable) { try inspect(file) }
            #expect(chmod(directory.path("plugins"), 0o755) == 0)
            let mended = try inspect(file)
            #expect(mended.info.name == "two-symbols")
        }
    }

    @Test("A digest in the configuration must be the file's")
    func digest() async throws {
        try await withPlugin { _, file in
            let sum = try await Command.run("sha256sum", [file]).checked().text.prefix(64)
            #expect(try inspect(file, sha256: String(sum)).path == file)
            #expect(try inspect(file, sha256: sum.uppercased()).path == file)
            let wrong = String(repeating: "0", count: 64)
            await expectRule(.digestMatches, String(sum), wrong) { try inspect(file, sha256: wrong) }
            await expectRule(.digestMatches) { try inspect(file, sha256: String(sum.dropLast())) }
            await expectRule(.digestMatches) { try inspect(file, sha256: "") }
        }
    }

    @Test("Directories are searched for *.so only, and what can't be used is reported")
    func directories() async throws {
        try await withPlugin { directory, file in
            try directory.write("text", to: "plugins/README.md")
            try directory.write("text", to: "plugins/bad.so")
            let host = PluginHost.forTests(directories: [directory.path("none"), directory.path("plugins")])
            let (plugins, errors) = host.loadAll()
            #expect(plugins.map(\.path) == [file])
            #expect(errors.map(\.rule) == [.elfSharedObject])
            let driver = try await host.openStorage(PluginComponent(name: "two-symbols", options: "{}"))
            await driver.expectHealthy()
        }
    }
}
