import Foundation
import Glibc
import RegistryTelemetry
import Testing

@Suite("Access log")
struct AccessLogTests {
    private func entry(_ target: String = "/v2/", userAgent: String = "docker/27") -> AccessEntry {
        AccessEntry(
            remote: "10.0.0.7", user: nil, time: Timestamp(seconds: 1_760_000_000), method: "GET", target: target,
            version: "HTTP/1.1", status: 200, bytes: 2, referer: "", userAgent: userAgent)
    }

    private func line(_ entry: AccessEntry) throws -> String {
        let pipe = try OutputPipe()
        let log = AccessLog(descriptor: pipe.writing)
        log.record(entry)
        #expect(log.flush())
        let lines = pipe.lines()
        #expect(lines.count == 1)
        return lines.first ?? ""
    }

    @Test("A line is Apache's combined format with local time")
    func format() throws {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.dateFormat = "dd/MMM/yyyy:HH:mm:ss Z"
        let date = formatter.string(from: Date(timeIntervalSince1970: 1_760_000_000))
        #expect(try line(entry()) == #"10.0.0.7 - - [\#(date)] "GET /v2/ HTTP/1.1" 200 2 "" "docker/27""#)
        var named = entry()
        named.user = "a b"
        #expect(try line(named).hasPrefix("10.0.0.7 - a_b ["))
    }

    @Test("A client cannot forge a line", arguments: ["a\nb", "\" 200 1 \"", "\u{1B}[31m", "\u{0}", "\u{85}"])
    func injection(text: String) throws {
        var hostile = entry("/\(text)", userAgent: text)
        hostile.remote = text
        hostile.user = text
        hostile.method = text
        hostile.referer = text
        let line = try line(hostile)
        #expect(!line.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) })
        let unescaped = line.replacing("\\\\", with: "").replacing("\\\"", with: "")
        #expect(unescaped.count { $0 == "\"" } == 6)
    }

    @Test("Long values are cut")
    func long() throws {
        let long = String(repeating: "é", count: 20_000)
        #expect(try line(entry("/" + long, userAgent: long)).utf8.count < 9000)
    }

    @Test(
        "The token of an upload is not written",
        arguments: [
            ("/v2/a/blobs/uploads/1?_state=SECRET", "?_state=-"),
            ("/v2/a/blobs/uploads/1?a=b&_state=SECRET&digest=sha256:0", "?a=b&_state=-&digest=sha256:0"),
            ("/v2/a/tags/list?n=5", "?n=5"), ("/?", "/?"),
        ])
    func token(target: String, end: String) throws {
        let line = try line(entry(target))
        #expect(line.contains("\(end) HTTP/1.1"))
        #expect(!line.contains("SECRET"))
    }

    @Test("A lone line is written within about a second, a full buffer at once")
    func timing() throws {
        let pipe = try OutputPipe()
        let log = AccessLog(descriptor: pipe.writing)
        let clock = ContinuousClock()
        var start = clock.now
        log.record(entry())
        let early = pipe.available()
        #expect(early.isEmpty || clock.now - start > .milliseconds(800))
        #expect((early + pipe.next(within: 10_000)).last == UInt8(ascii: "\n"))
        // A busy machine may be late; what is written before the timer can fire was written because of its length.
        start = clock.now
        for _ in 0..<500 { log.record(entry()) }
        let text = pipe.next(within: 10_000)
        #expect(!text.isEmpty)
        #expect(text.count >= 16 * 1024 || clock.now - start > .milliseconds(800))
        // What still waits would go to whoever has the descriptor next.
        #expect(log.flush())
    }

    @Test("A stalled reader costs lines, never the caller's time, and the rest arrives whole")
    func stalled() throws {
        let pipe = try OutputPipe()
        let log = AccessLog(descriptor: pipe.writing)
        let agent = String(repeating: "x", count: 1000)
        for _ in 0..<5000 { log.record(entry(userAgent: agent)) }
        let dropped = log.droppedLines
        #expect(dropped > 1000)
        #expect(!log.flush(within: 0.05))
        var text: [UInt8] = []
        while true {
            let more = pipe.next(within: 500)
            if more.isEmpty { break }
            text += more
        }
        #expect(log.flush())
        text += pipe.available()
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
        #expect(lines.count == 5000 - dropped)
        #expect(lines.allSatisfy { $0.hasPrefix("10.0.0.7 - - [") && $0.hasSuffix("xxx\"") })
    }

    @Test("A broken descriptor is counted")
    func broken() {
        let log = AccessLog(descriptor: -1)
        log.record(entry())
        log.record(entry())
        #expect(log.flush())
        #expect(log.droppedLines == 2)
    }

    @Test("Impossible times do no harm", arguments: [Int64.min, Int64.max, -1, 253_402_300_800])
    func times(seconds: Int64) throws {
        var odd = entry()
        odd.time = Timestamp(seconds: seconds, nanoseconds: -5)
        #expect(try line(odd).contains("GET /v2/"))
    }
}
