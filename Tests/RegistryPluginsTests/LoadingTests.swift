import Foundation
import Logging
import RegistryPlugins
import RegistryStorage
import TestSupport
import Testing

/// What is looked at when a plugin is entered, and when instances are made.
@Suite("Loading: entry, information, instances")
struct LoadingTests {
    private func inspect(_ fixture: String, _ definitions: String...) async throws -> PluginSummary {
        let fixture = try await FixtureHost(fixture, defining: definitions)
        return try fixture.host.inspect(fixture.library)
    }

    @Test("A library without the entry is no plugin")
    func noEntry() async throws {
        await expectRule(.hasEntry, "no_entry", "moor_plugin_entry") { try await inspect("no_entry") }
    }

    @Test("An entry that fails is reported with its code")
    func entryFails() async throws {
        await expectRule(.abiVersion, "code 18") { try await inspect("entry_error") }
        await expectRule(.entrySucceeds, "code 1") { try await inspect("entry_error", "CODE=1") }
        await expectRule(.entrySucceeds, "code -5") { try await inspect("entry_error", "CODE=-5") }
    }

    @Test("Another major version of the ABI is refused by both numbers")
    func wrongVersion() async throws {
        await expectRule(.abiVersion, "version 9", "has 1") { try await inspect("wrong_abi") }
    }

    @Test("Information that isn't what it should be", arguments: 0...7)
    func badInformation(kind: Int) async throws {
        await expectRule(.infoJSON, "info_json") { try await inspect("bad_info", "BAD_INFO=\(kind)") }
    }

    @Test("Information of 2^64-1 bytes")
    func absurdInformation() async throws {
        await expectRule(.infoJSON, "18446744073709551615") { try await inspect("lengths", "INFO_LENGTH=SIZE_MAX") }
    }

    @Test("An interface that nobody knows is listed but can't be named")
    func unknownInterface() async throws {
        let fixture = try await FixtureHost("bad_info", defining: ["BAD_INFO=8"])
        #expect(try fixture.host.inspect(fixture.library).info.components.first?.interface == "moor.storage/999")
        await expectRule(.componentExists, "storage.bad-info", "none of its kind") {
            try await fixture.open("bad-info")
        }
    }

    @Test("Of two plugins that offer a component the first is used, and both are named")
    func twoOfOne() async throws {
        let library = try await PluginFixture.library("Tests/PluginContractTests/Fixtures/rogue.c")
        let files = [try PluginFixture.copy(of: library), try PluginFixture.copy(of: library)]
        for files in [files, files.reversed()] {
            let log = LogRecord()
            let host = PluginHost.forTests(files: files, logger: log.logger)
            for _ in 0..<2 {
                _ = try await host.openStorage(PluginComponent(name: "rogue-correct", options: "{}"))
            }
            let warnings = log.lines.filter { $0.level == .warning && $0.message.contains("rogue-correct") }
            #expect(warnings.count == 1)
            #expect(warnings.first?.message.contains("\(files[0]) is used, not \(files[1])") == true)
            #expect(host.doubts == warnings.map(\.message))
            await host.shutdown()
        }
    }

    @Test("A component that nobody offers, with the nearest one that there is")
    func unknownComponent() async throws {
        let fixture = try await FixtureHost("passthrough")
        let (host, passthrough) = (fixture.host, PluginComponent(name: "pasthrough", options: "{}"))
        let inner = try await FixtureHost("rogue").open("rogue-correct")
        await expectRule(
            .componentExists, "middleware.storage.pasthrough", "did you mean \"passthrough\"?",
            "refuse-move, refuse-walk"
        ) { try await host.wrap(inner, in: [passthrough]) }
        await expectRule(.componentExists, "storage.entirely-other", "looked in") {
            try await host.openStorage(PluginComponent(name: "entirely-other", options: "{}"))
        }
        // A component has one role: a middleware isn't a storage driver.
        await expectRule(.componentExists) {
            try await host.openStorage(PluginComponent(name: "passthrough", options: "{}"))
        }
    }

    @Test("Options are checked against the plugin's schema, with the nearest key")
    func options() async throws {
        let fixture = try await FixtureHost("rogue")
        await expectRule(.options, "option \"numbr\"", "did you mean \"number\"?", "plugin rogue") {
            try await fixture.open("rogue-correct", options: #"{"numbr":1}"#)
        }
        await expectRule(.options, "option \"number\"", "a string", "an integer") {
            try await fixture.open("rogue-correct", options: #"{"number":"one"}"#)
        }
        for wrong in ["[]", "null", "{", "", "{\"number\":1}}", "\u{0}", #"{"number":1e999}"#] {
            await expectRule(.options) { try await fixture.open("rogue-correct", options: wrong) }
        }
        let deep = String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000)
        await expectRule(.options) { try await fixture.open("rogue-correct", options: "{\"number\":\(deep)}") }
        try await fixture.open("rogue-correct", options: #"{"number":7}"#).expectHealthy()
    }

    @Test("A driver whose create or start fails, or that has no table, isn't used")
    func instances() async throws {
        let fixture = try await FixtureHost("rogue")
        await expectRule(.options, "storage.rogue-create-fails", "can't be created") {
            try await fixture.open("rogue-create-fails")
        }
        await expectRule(.instanceStarts, "storage.rogue-start-fails", "can't be started") {
            try await fixture.open("rogue-start-fails")
        }
        await expectRule(.interfaceOffered, "moor.storage/1") { try await fixture.open("rogue-no-interface") }
        await expectRule(.tableSize, "65536") { try await fixture.open("rogue-struct-size") }
        await expectRule(.tableSize, "lacks", "stat") { try await fixture.open("rogue-small-table") }
        await expectRule(.tableSize, "lacks getContent") { try await fixture.open("rogue-missing-op") }
        try await fixture.open("rogue-correct").expectHealthy()
    }

    @Test("A plugin that meddles with signals finds them as they were afterwards")
    func signals() async throws {
        let fixture = try await FixtureHost("signals")
        let before = [SIGPIPE, SIGSEGV, SIGTERM].map(handler)
        let maskBefore = mask()
        // On this thread: the mask is the thread's.
        _ = try fixture.host.inspect(fixture.library)
        #expect(mask() == maskBefore)
        #expect([SIGPIPE, SIGSEGV, SIGTERM].map(handler) == before)
        try await fixture.open("signals").expectHealthy()
    }

    private func handler(_ signal: CInt) -> UInt {
        var action = sigaction()
        sigaction(signal, nil, &action)
        return withUnsafeBytes(of: action.__sigaction_handler) { $0.load(as: UInt.self) }
    }

    private func mask() -> [Bool] {
        var set = sigset_t()
        pthread_sigmask(SIG_SETMASK, nil, &set)
        return (1...31).map { sigismember(&set, $0) == 1 }
    }

    @Test("A plugin is entered once, however many look for it at the same time")
    func concurrentLoading() async throws {
        let fixture = try await FixtureHost("minimal")
        try await withThrowingTaskGroup { group in
            for _ in 0..<16 {
                group.addTask { _ = try await fixture.open("minimal-inline").look("/object") }
            }
            try await group.waitForAll()
        }
        #expect(fixture.log.lines.filter { $0.message == "plugin loaded" }.count == 1)
    }

    @Test("An instance is destroyed when its host has stopped it and nobody uses it any more")
    func destruction() async throws {
        let fixture = try await FixtureHost("minimal")
        let observer = try await fixture.open("minimal-inline")
        var driver: (any StorageDriver)? = try await fixture.open("minimal-limited-blocking")
        #expect(try await driver?.look("/object").size == 0)
        await fixture.host.shutdown()
        #expect(try await observer.look("/destroyed").size == 0, "a driver that is held keeps its instance")
        driver = nil
        try await eventually("the instance is destroyed") { try await observer.look("/destroyed").size == 1 }
    }

    @Test("After a stop calls are answered with shutdown")
    func afterStop() async throws {
        let fixture = try await FixtureHost("rogue")
        let driver = try await fixture.open("rogue-threaded")
        try await driver.put("/object", [1])
        await fixture.host.shutdown()
        await expectFailure(.shutdown) { try await driver.get("/object") }
        await expectFailure(.shutdown) { try await driver.look("/object") }
    }

    @Test("A plugin's life ends with teardown, after the last instance is destroyed, and the log names the plugin")
    func lifecycle() async throws {
        let fixture = try await FixtureHost("lifecycle")
        func events() -> [String] {
            fixture.log.lines.filter { $0.fields["plugin"] == "lifecycle" && $0.fields["file"] == nil }.map(\.message)
        }
        do {
            let first = try await fixture.open("lifecycle")
            let second = try await fixture.open("lifecycle")
            await fixture.host.shutdown()
            #expect(events() == ["start", "start", "stop", "stop"])
            withExtendedLifetime((first, second)) {}
        }
        try await eventually("the plugin is torn down") { events().last == "teardown" }
        #expect(events().suffix(3) == ["destroy", "destroy", "teardown"])
        await fixture.host.shutdown()
        #expect(events().filter { $0 == "teardown" }.count == 1)
        // Before it has told its name, a plugin is called after its file.
        #expect(fixture.log.lines.first { $0.message == "entry" }?.fields["plugin"]?.hasSuffix(".so") == true)
    }

    @Test("A plugin that several paths lead to is one")
    func severalPaths() async throws {
        let library = try await FixtureHost("minimal").library
        try await withTemporaryDirectory { directory in
            let link = directory.path("linked.so")
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: library)
            let host = PluginHost.forTests(files: [library, link])
            let (plugins, errors) = host.loadAll()
            #expect(plugins.map(\.info.name) == ["minimal"])
            #expect(errors.isEmpty)
        }
    }
}
