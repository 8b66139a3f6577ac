import Testing

@testable import PluginKit

@Suite("Durations and URLs in options")
struct OptionTextsTests {
    @Test(
        "Durations as Go writes them",
        arguments: [
            ("20m", 1_200_000_000_000), ("1h30m", 5_400_000_000_000), ("1.5s", 1_500_000_000), ("100ms", 100_000_000),
            ("0", 0), ("0s", 0), ("2us3ns", 2003), ("1µs", 1000), (".5h", 1_800_000_000_000),
        ] as [(String, Int64)])
    func durations(text: String, nanoseconds: Int64) {
        #expect(FlexibleDuration(text)?.nanoseconds == nanoseconds)
    }

    @Test(
        "What is no duration",
        arguments: ["", "5", "m", "1", "1 m", "-1s", "1d", "1.2.3s", ".s", "1m2", "99999999999h", "１s", "nan", "infs"])
    func noDurations(text: String) { #expect(FlexibleDuration(text) == nil) }

    @Test("A URL falls into parts and is whole again")
    func parts() throws {
        let text = "https://cdn.example.com:8443/a%20b/c?x=/?y&z#part"
        let url = try #require(URLParts(text))
        #expect(url.scheme == "https" && url.authority == "cdn.example.com:8443" && url.host == "cdn.example.com")
        #expect(url.path == "/a%20b/c" && url.suffix == "?x=/?y&z#part" && url.text == text)
        let bare = try #require(URLParts("http://[::1]?q"))
        #expect(bare.host == "[::1]" && bare.path.isEmpty && bare.suffix == "?q")
        #expect(URLParts("HTTP://[2001:DB8::1]:80/")?.host == "[2001:db8::1]")
    }

    @Test(
        "What is no absolute URL with a host, or carries a credential",
        arguments: [
            "", "cdn.example.com", "/path", "https://", "https:///path", "https://:80/", "://host", "1s://host",
            "https://user:word@host/", "https://ho st/", "https://host/\u{7}", "mailto:a@b",
        ])
    func noURLs(text: String) { #expect(URLParts(text) == nil) }
}
