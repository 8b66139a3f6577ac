import Foundation
import Logging
import RegistryTelemetry
import Testing

@Suite("Log lines")
struct LoggingTests {
    /// Texts that would forge a line, drive a terminal, or break a format.
    static let hostile = [
        "a\nlevel=error msg=\"forged\"", "\u{1B}[2J", "\"", "\\", "\r\n", "\u{0}", "\u{7F}", "\u{85}", "\u{2028}",
        "\u{202E}gpj.exe", "\u{FEFF}", "日本 é 😀", "", " ", "=", String(repeating: "x", count: 100_000),
        String(repeating: "\u{1}", count: 100_000), String(repeating: "\"", count: 16_000),
        String(decoding: [0x66, 0xFF, 0xC3] as [UInt8], as: UTF8.self),
    ]

    private func lines(
        _ format: LogFormat, level: Logger.Level = .info, fields: [String: String] = [:], _ use: (Logger) -> Void
    ) throws -> [String] {
        let pipe = try OutputPipe()
        let logging = RegistryLogging(
            LogConfiguration(level: level, format: format, fields: fields, descriptor: pipe.writing))
        use(logging.logger(label: "test"))
        #expect(logging.flush())
        return pipe.lines()
    }

    private func object(_ line: String?) throws -> [String: Any] {
        try #require(JSONSerialization.jsonObject(with: Data((line ?? "").utf8)) as? [String: Any])
    }

    @Test("A text line is that of logrus")
    func text() throws {
        let line = try #require(
            lines(.text, fields: ["service": "registry"]) {
                $0.warning(
                    "two words",
                    metadata: ["http.request.id": "ab-1", "b": "x y", "a": .array(["1", "2"]), "empty": ""])
            }.first)
        let tail = #" level=warning msg="two words" a="[1, 2]" b="x y" empty="" http.request.id=ab-1 service=registry"#
        #expect(line.hasSuffix(tail))
        let head = line.dropLast(tail.utf8.count)
        #expect(head.wholeMatch(of: #/time="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z"/#) != nil)
        let formatter = ISO8601DateFormatter()
        let date = try #require(formatter.date(from: head.dropFirst(6).prefix(19) + "Z"))
        #expect(abs(date.timeIntervalSinceNow) < 60)
    }

    @Test("A JSON line is one object with the fields of logrus")
    func json() throws {
        let written = try lines(.json) {
            $0.info(
                "hello",
                metadata: ["n": .stringConvertible(7), "list": ["a", ["k": "v"]], "time": "mine", "msg": "mine"])
        }
        let line = try object(written.first)
        #expect(written.count == 1)
        #expect(line["msg"] as? String == "hello")
        #expect(line["level"] as? String == "info")
        #expect(line["n"] as? Int == 7)
        #expect((line["list"] as? [Any])?.count == 2)
        #expect(line["fields.time"] as? String == "mine")
        #expect(line["fields.msg"] as? String == "mine")
        #expect((line["time"] as? String)?.hasSuffix("Z") == true)
    }

    @Test("A logstash line has its own names")
    func logstash() throws {
        let line = try object(lines(.logstash) { $0.error("hello", metadata: ["message": "mine"]) }.first)
        #expect(line["message"] as? String == "hello")
        #expect(line["@version"] as? String == "1")
        #expect(line["level"] as? String == "error")
        #expect(line["fields.message"] as? String == "mine")
        #expect((line["@timestamp"] as? String)?.contains("T") == true)
    }

    @Test("Whatever a text holds, it stays one short line of its format", arguments: LogFormat.allCases, hostile)
    func injection(format: LogFormat, text: String) throws {
        // A cut line fits a pipe of 64 KiB, so nothing here blocks.
        let written = try lines(format) {
            $0.info(
                "\(text)", metadata: ["key": "\(text)", "\(text.prefix(200))": "v", "nest": [["\(text)": "\(text)"]]])
        }
        #expect(written.count == 1)
        let line = try #require(written.first)
        #expect(line.utf8.count < 16 * 1024)
        #expect(
            !line.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) || $0 == "\u{2028}" })
        #expect(!line.unicodeScalars.contains("\u{202E}"))
        if format == .text {
            #expect(!line.contains(" level=error"))
        } else {
            let object = try object(line)
            let message = object[format == .json ? "msg" : "message"] as? String
            #expect(text.utf8.count > 5000 || message == text)
            #expect((object["truncated"] as? Bool == true) == (text.utf8.count > 5000))
        }
    }

    @Test("A line with very many or deep fields is cut, and still well-formed")
    func manyFields() throws {
        var deep: Logger.MetadataValue = "x"
        for _ in 0..<100 { deep = ["k": .array([deep])] }
        let many = Logger.Metadata(uniqueKeysWithValues: (0..<5000).map { ("key\($0)", .string("value")) })
        for fields in [many, ["deep": deep], ["list": .array(Array(repeating: "x", count: 10_000))]] {
            let line = try #require(lines(.json) { $0.info("m", metadata: fields) }.first)
            #expect(line.utf8.count < 16 * 1024)
            #expect(try object(line)["msg"] as? String == "m")
        }
    }

    @Test("The level is changed while loggers are in use")
    func level() throws {
        let pipe = try OutputPipe()
        let logging = RegistryLogging(LogConfiguration(level: .info, descriptor: pipe.writing))
        let logger = logging.logger(label: "a")
        var own = logging.logger(label: "b")
        own.logLevel = .error
        logger.debug("no")
        logging.level = .debug
        logger.debug("yes")
        own.info("no")
        logging.level = .error
        logger.warning("no")
        #expect(pipe.lines().map { $0.hasSuffix("msg=yes") } == [true])
        #expect(logging.level == .error)
    }

    @Test("Fields of an event win over those of the logger, and those over the provider's absence")
    func precedence() throws {
        let written = try lines(.json, fields: ["a": "static", "b": "static"]) {
            var logger = $0
            logger[metadataKey: "b"] = "logger"
            logger.info("m", metadata: ["c": "event"])
            logger.info("m", metadata: ["a": "event"])
        }
        #expect(try object(written.first)["a"] as? String == "static")
        #expect(try object(written.first)["b"] as? String == "logger")
        #expect(try object(written.first)["c"] as? String == "event")
        #expect(try object(written.last)["a"] as? String == "event")
    }

    @Test("Levels have the names of configurations")
    func levelNames() {
        #expect(RegistryLogging.level(named: "warn") == .warning)
        #expect(RegistryLogging.level(named: "WARNING") == .warning)
        #expect(RegistryLogging.level(named: "debug") == .debug)
        #expect(RegistryLogging.level(named: "loud") == nil)
    }

    @Test("A reader that is gone costs lines, not the process")
    func closedReader() throws {
        let pipe = try OutputPipe()
        let logging = RegistryLogging(LogConfiguration(descriptor: -1))
        logging.logger(label: "a").info("lost")
        #expect(logging.lostLines == 1)
        _ = pipe
    }

    @Test("Lines of many threads are never mixed")
    func concurrency() async throws {
        let pipe = try OutputPipe()
        let logging = RegistryLogging(LogConfiguration(format: .json, descriptor: pipe.writing))
        let filler = String(repeating: "x", count: 500)
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                group.addTask {
                    let logger = logging.logger(label: "a")
                    for _ in 0..<10 { logger.info("\(filler)", metadata: ["n": .stringConvertible(number)]) }
                }
            }
        }
        let written = pipe.lines()
        #expect(written.count == 80)
        for line in written { #expect(try object(line)["msg"] as? String == filler) }
    }

    @Test("A reader that stalls holds nobody up; what is dropped is counted and said", .timeLimit(.minutes(1)))
    func stalledReader() async throws {
        let pipe = try OutputPipe()
        let logging = RegistryLogging(LogConfiguration(descriptor: pipe.writing))
        let filler = String(repeating: "x", count: 1000)
        let count = 5000
        let done = DispatchSemaphore(value: 0)
        DispatchQueue.global().async {
            let logger = logging.logger(label: "a")
            for number in 0..<count { logger.info("\(filler)", metadata: ["n": .stringConvertible(number)]) }
            done.signal()
        }
        let isDone = await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: done.wait(timeout: .now() + 20) == .success) }
        }
        try #require(isDone, "a logger waits for the reader of the log")
        #expect(!logging.flush(within: 0.05))
        let dropped = logging.lostLines
        #expect(dropped > 0)

        var text: [UInt8] = []
        while !String(decoding: text.suffix(300), as: UTF8.self).contains("lines=") {
            let bytes = pipe.next(within: 10_000)
            try #require(!bytes.isEmpty)
            text += bytes
        }
        #expect(logging.flush())
        let lines = String(decoding: text + pipe.available(), as: UTF8.self).split(separator: "\n")
        #expect(lines.count == count - dropped + 1)
        #expect(lines.last?.hasSuffix("lines=\(dropped)") == true)
        for (number, line) in lines.dropLast().enumerated() { #expect(line.hasSuffix(" n=\(number)")) }
        logging.logger(label: "a").info("again")
        #expect(pipe.lines().count == 1)
    }
}
