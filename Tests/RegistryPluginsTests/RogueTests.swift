import Logging
import NIOCore
import RegistryPlugins
import RegistryStorage
import TestSupport
import Testing

/// Components that break one rule each: the error names the rule, and a healthy instance beside them never notices.
@Suite("Plugins that break the contract")
struct RogueTests {
    /// What is done with a component, and which rule it breaks then.
    struct Case: Sendable, CustomTestStringConvertible {
        let component: String
        let rule: PluginError.Rule
        let operation: @Sendable (any StorageDriver) async throws -> Void

        init(
            _ component: String, _ rule: PluginError.Rule,
            _ operation: @escaping @Sendable (any StorageDriver) async throws -> Void
        ) {
            self.component = component
            self.rule = rule
            self.operation = operation
        }

        var testDescription: String { component }
    }

    private static let get: @Sendable (any StorageDriver) async throws -> Void = { _ = try await $0.get("/object") }
    private static let read: @Sendable (any StorageDriver) async throws -> Void = { _ = try await $0.read("/object") }
    private static let list: @Sendable (any StorageDriver) async throws -> Void = { _ = try await $0.children("/") }
    private static let look: @Sendable (any StorageDriver) async throws -> Void = { _ = try await $0.look("/object") }
    private static let write: @Sendable (any StorageDriver) async throws -> Void = { driver in
        let writer = try await driver.openWriter(at: try StoragePath("/object"), mode: .create, sizeHint: nil)
        try await writer.write([ByteBuffer(bytes: [1, 2, 3])])
    }

    static let cases = [
        Case("rogue-oversize-buffer", .lengthsInRange, get), Case("rogue-absurd-buffer", .lengthsInRange, get),
        Case("rogue-null-buffer", .lengthsInRange, get), Case("rogue-oversize-reader", .lengthsInRange, read),
        Case("rogue-oversize-chunk", .lengthsInRange, read), Case("rogue-short-reader", .lengthsInRange, read),
        Case("rogue-endless-reader", .lengthsInRange, read), Case("rogue-no-read", .resultPresent, read),
        Case("rogue-non-utf8", .textIsUTF8, look), Case("rogue-non-utf8", .textIsUTF8, list),
        Case("rogue-bad-page", .resultPresent, list), Case("rogue-page-over-limit", .lengthsInRange, list),
        Case("rogue-null-entry", .resultPresent, list), Case("rogue-unordered-page", .entriesAscend, list),
        Case("rogue-page-without-token", .lengthsInRange, list),
        Case(
            "rogue-endless-page", .entriesAscend,
            { driver in
                let first = try await driver.children("/")
                _ = try await driver.list(.root, from: .token(try #require(first.next)), limit: 100)
            }),
        Case("rogue-null-result", .resultPresent, get), Case("rogue-null-result", .resultPresent, look),
        Case("rogue-null-result", .resultPresent, list), Case("rogue-null-result", .resultPresent, read),
        Case("rogue-null-result", .resultPresent, write), Case("rogue-bad-fd", .descriptorValid, read),
        Case("rogue-closed-fd", .descriptorValid, read), Case("rogue-directory-fd", .descriptorValid, read),
        Case("rogue-pipe-fd", .descriptorValid, read), Case("rogue-short-fd", .descriptorValid, read),
        Case("rogue-token", .lengthsInRange, write), Case("rogue-wrong-offset", .lengthsInRange, write),
    ]

    @Test("The error names the rule, and others go on working", arguments: cases)
    func rule(_ tested: Case) async throws {
        let fixture = try await FixtureHost("rogue")
        let healthy = try await fixture.open("rogue-correct")
        let rogue = try await fixture.open(tested.component)
        for round: UInt64 in 1...3 {
            let error = await expectFailure(.internal, breaking: tested.rule) { try await tested.operation(rogue) }
            #expect(error?.message.contains("plugin rogue") == true)
            #expect(error?.driver == tested.component)
            #expect(fixture.violations(tested.rule, "rogue") == round)
        }
        await healthy.expectHealthy()
        let line = try #require(fixture.log.lines.first { $0.level == .error })
        #expect(line.fields["rule"] == tested.rule.rawValue)
        #expect(line.fields["plugin"] == "rogue")
        #expect(fixture.log.lines.filter { $0.level == .error }.count < 3, "at most one line a second")
    }

    @Test("Lengths and offsets near 2^64 are errors, not traps", arguments: ["buffer", "page", "page-token", "reader"])
    func absurdLengths(kind: String) async throws {
        let fixture = try await FixtureHost("lengths")
        let driver = try await fixture.open("lengths-\(kind)")
        let operation = ["buffer": Self.get, "reader": Self.read][kind] ?? Self.list
        await expectFailure(.internal, breaking: .lengthsInRange) { try await operation(driver) }
        try await fixture.open("lengths-items").expectHealthy()
    }

    @Test("Writers with numbers near 2^64 are errors, not traps")
    func absurdWriters() async throws {
        let fixture = try await FixtureHost("lengths")
        let path = try StoragePath("/object")
        let token = try await fixture.open("lengths-writer-token")
        await expectFailure(.internal, breaking: .lengthsInRange) {
            try await token.openWriter(at: path, mode: .create, sizeHint: nil)
        }
        let offset = try await fixture.open("lengths-writer")
        await expectFailure(.internal, breaking: .lengthsInRange) {
            try await offset.openWriter(at: path, mode: .create, sizeHint: nil)
        }
        let writer = try await offset.openWriter(
            at: path, mode: .append(offset: nil, resumeToken: []), sizeHint: nil)
        #expect(writer.startOffset == .max)
        await expectFailure(.internal, breaking: .lengthsInRange) { try await writer.write([ByteBuffer(bytes: [1])]) }
        await writer.close()
        let huge = try await fixture.open("lengths-items")
        #expect(try await huge.look("/long/path").size == .max)
    }

    @Test("Errors come through with all they say; unknown codes are internal errors")
    func errors() async throws {
        let fixture = try await FixtureHost("rogue")
        let driver = try await fixture.open("rogue-error")
        for code in StorageError.Code.allCases {
            let error = await expectFailure(code) { try await driver.get("/object") }
            #expect(error?.hadNoEffect == true)
            #expect(error?.message == "rogue: an error on purpose")
        }
        #expect(fixture.violations(.codeKnown, "rogue") == 0)
        for _ in 0..<3 { await expectFailure(.internal) { try await driver.get("/object") } }
        #expect(fixture.violations(.codeKnown, "rogue") == 3)
    }

    @Test("A message that isn't UTF-8 is repaired")
    func garbledError() async throws {
        let fixture = try await FixtureHost("rogue")
        let driver = try await fixture.open("rogue-non-utf8")
        let error = await expectFailure(.unavailable) { try await driver.get("/object") }
        #expect(error?.message.contains("\u{fffd}") == true)
        #expect(fixture.violations(.textIsUTF8, "rogue") == 1)
    }

    @Test("A result beside an error isn't touched")
    func both() async throws {
        let fixture = try await FixtureHost("rogue")
        let driver = try await fixture.open("rogue-both", options: #"{"number":4}"#)
        for operation in [Self.get, Self.look, Self.list, Self.read, Self.write] {
            await expectFailure(.notFound) { try await operation(driver) }
        }
        #expect(try await driver.look("/releases").size == 0)
    }

    @Test(
        "A second completion is ignored and counted, however late it comes",
        arguments: ["rogue-double-completion", "rogue-late-double"])
    func doubleCompletion(component: String) async throws {
        let fixture = try await FixtureHost("rogue")
        let driver = try await fixture.open(component)
        // Another plugin, which has the slots by the time that the late ones come.
        let others = try await FixtureHost("rogue")
        let healthy = try await others.open("rogue-correct")
        for _ in 0..<20 {
            #expect(try await driver.look("/").kind == .prefix)
            await healthy.expectHealthy()
        }
        try await eventually("second completions are counted") {
            fixture.violations(.completesOnce, "rogue") >= 20
        }
        await healthy.expectHealthy()
        #expect(fixture.violations(.completesOnce, "rogue") == 20)
        #expect(others.violations(.completesOnce, "rogue") == 0)
    }
}
