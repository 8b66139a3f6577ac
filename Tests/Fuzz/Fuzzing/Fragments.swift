/// The words of the grammar, words that are nearly right, and noise.
enum Fragments {
    private static let hex = "0123456789abcdef0123456789abcdef"

    static let methods = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "BREW", ""]

    static let names = [
        "a", "a/b", "library/b", "v2", "manifests", "blobs/uploads", "tags/list", "A", "a//b", "..", "a/../b", "",
        "%61",
        "a%2Fb", "%00", "%", String(repeating: "a/", count: 130), "_catalog", "a.\(hex).tmp", "é", "%0d%0aX:%20y",
        "referrers", "_layers", "a__b", "a-_b", "host.test:5000", "%2e%2e", "uploads",
    ]

    static let references = [
        "latest", "list", "v1", "_", ".", "..", String(repeating: "t", count: 129), "a b", "%20", "{image-digest}",
        "{index-digest}", "{layer-digest}", "{config-digest}", "{digest}", "{sha512}", "sha256:", "sha256:xyz", "md5:0",
        ":",
        "sha256:\(hex)\(hex)", "sha512:\(hex)\(hex)", "sha384:\(hex)\(hex)\(hex)", "%3A", "a:b:c",
        "sha256-\(hex)\(hex)", "SHA256:\(hex)\(hex)",
    ]

    static let numbers = [
        "0", "1", "2", "-1", "x", "1000", "1001", "18446744073709551615", "18446744073709551616", "9223372036854775807",
        "9223372036854775808", "-9223372036854775808", "+1", " 1", "1e3", "0-0", "0-1", "5-2", "0x10", "00", "٣", "0-4",
    ]

    static let fields = [
        "Accept", "Range", "Content-Range", "Content-Type", "If-None-Match", "If-Match", "If-Range", "Forwarded",
        "X-Forwarded-Host", "X-Forwarded-Proto", "Host", "Content-Length", "Transfer-Encoding", "Connection", "Expect",
        "Upgrade", "OCI-Chunk-Min-Length", "Docker-Upload-UUID", "X", "User-Agent",
    ]

    static let values = [
        "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws", "application/octet-stream", "*/*",
        "text/a;q=0.5, */*;q=0",
        "bytes=0-0", "bytes=0-", "bytes=-2", "bytes=1-3,0-0", "bytes=-0", "bytes=9-", "bytes=3-1", "bytes=-", "0-4",
        "bytes 0-4/5", "bytes 0-4/*", "bytes */5", "bytes=18446744073709551615-", "bytes=0-18446744073709551616",
        "\"{image-digest}\"", "W/\"{image-digest}\"", "{layer-digest}", "*", "host=h.test;proto=https",
        "host=\"[::1]:5000\"",
        "for=a, host=b", "host=\"", "evil.test/x", "a@b", "h.test:99999", "[", "https", "javascript", "chunked",
        "gzip, chunked",
        "chunked, chunked", "close", "keep-alive", "upgrade", "100-continue", "h2c", "a, b", "\u{0}", "\r\n", "\t",
    ]

    static let texts = [
        "\u{0}", "\u{7f}", "\"", "\\", "<>", "{}", "[]", "{", "}", "null", "true", String(repeating: "x", count: 600),
        "😀",
        ",;=&?#", "\\ud800", "\\u0000", "1e999", String(repeating: "[", count: 200), "{\"a\":", "\"digest\":",
        "\"size\":-1",
        "\"size\":9223372036854775808", "\"subject\":", "\"mediaType\":", "\"urls\":[\"http://x\"]",
        "\"schemaVersion\":1",
        "{image}", "{index}", "{artifact}", "\n%%\n", "\r\n\r\n", "\r\n", "0\r\n\r\n", "5\r\nlayer\r\n", "HTTP/1.1",
        "HTTP/1.0", "HTTP/2.0", "FFFFFFFFFFFFFFFF\r\n", "http://h.test", "//", "/v2", "?n=", "&last=", "artifactType=",
        "digest-algorithm=sha512", "tag=", "mount=", "from=", "_state=", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ]

    static let yaml = [
        "- ", "&a ", "*a", "<<: *a", "!!int ", "!!binary ", "'", "|\n", ">\n", "? ", "# ", "%YAML 1.1\n", "---\n",
        "...\n",
        "h", "ms", "KiB", "http:", "storage:", "auth:", "version: 0.1\n", "filesystem:", "validation:", "manifests:",
        "urls:",
        "~", ".nan", "0o7", "\u{85}", "\u{2028}", "\u{FEFF}", "(?i)", "[^a]", "{2,3}", "(a|b)*", "\\d", "\\p{L}", "^",
        "$",
    ]
}
