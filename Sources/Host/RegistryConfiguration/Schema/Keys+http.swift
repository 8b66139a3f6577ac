extension ConfigurationKey {
    /// TLS 1.2 suites and TLS 1.3 suites by Go's names, as Distribution accepts them.
    static let cipherSuites = [
        "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_AES_256_CBC_SHA",
        "TLS_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
        "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
        "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
    ]

    /// The listener, TLS and what responses carry.
    static let http: [ConfigurationKey] = [
        ConfigurationKey("http", .section, "The listener."),
        ConfigurationKey(
            "http.addr", .text, default: "\":5000\"", "Host and port, `:5000` for all addresses; or a socket's path."),
        ConfigurationKey("http.net", .choice(["tcp", "unix"]), default: "tcp", "Kind of socket."),
        ConfigurationKey("http.prefix", .text, "Path below which the registry answers, such as `/hub/`."),
        ConfigurationKey("http.host", .url, "URL by which clients reach the registry; overrides what requests say."),
        ConfigurationKey(
            "http.secret", .text, secret: true,
            "Key that signs upload sessions. Servers behind one balancer need the same; default: random per start."),
        ConfigurationKey("http.relativeurls", .boolean, default: "false", "Answers with URLs without a host."),
        ConfigurationKey(
            "http.draintimeout", .duration, default: "10s",
            "How long requests may go on after a signal to stop; 0s stops at once."),
        ConfigurationKey("http.headers", .map(of: .list(of: .text)), "Headers added to each response."),
        ConfigurationKey("http.http2", .section, "HTTP/2 over TLS."),
        ConfigurationKey("http.http2.disabled", .boolean, default: "false", "Speaks HTTP/1.1 alone."),
        ConfigurationKey("http.h2c", .section, "HTTP/2 without TLS."),
        ConfigurationKey("http.h2c.enabled", .boolean, default: "false", "Accepts it."),
        ConfigurationKey("http.tls", .section, "TLS; on when `certificate` is set."),
        ConfigurationKey("http.tls.certificate", .text, "Path of the certificate chain (PEM)."),
        ConfigurationKey("http.tls.key", .text, "Path of the private key (PEM)."),
        ConfigurationKey(
            "http.tls.minimumtls", .choice(["tls1.2", "tls1.3"]), default: "tls1.2", "Lowest version of TLS."),
        ConfigurationKey(
            "http.tls.ciphersuites", .list(of: .choice(cipherSuites)), default: "[]",
            "Cipher suites of TLS 1.2 by Go's names; none means the server's choice."),
        ConfigurationKey(
            "http.tls.clientcas", .list(of: .text), status: .refused,
            "Paths of certificates that sign client certificates."),
        ConfigurationKey(
            "http.tls.clientauth",
            .choice([
                "request-client-cert", "require-any-client-cert", "verify-client-cert-if-given",
                "require-and-verify-client-cert",
            ]), status: .refused, "What is asked of client certificates."),
        ConfigurationKey("http.tls.letsencrypt", .section, status: .refused, "Certificates by ACME."),
        ConfigurationKey("http.tls.letsencrypt.cachefile", .text, status: .refused, "Directory for certificates."),
        ConfigurationKey("http.tls.letsencrypt.email", .text, status: .refused, "Address of the account."),
        ConfigurationKey("http.tls.letsencrypt.hosts", .list(of: .text), status: .refused, "Host names."),
        ConfigurationKey("http.tls.letsencrypt.directoryurl", .url, status: .refused, "The ACME service."),
    ]

    /// Bounds on what clients may take, and the debug listener.
    static let limits: [ConfigurationKey] = [
        ConfigurationKey(
            "http.threads", .integer(0...1024), default: "0", "Event-loop threads; 0 means one for each core."),
        ConfigurationKey("http.limits", .section, "Bounds on what a client may take."),
        ConfigurationKey(
            "http.limits.headerbytes", .bytes(4096...16_777_216), default: "64KiB", "Longest request head."),
        ConfigurationKey("http.limits.headers", .integer(16...10_000), default: "100", "Most headers of a request."),
        ConfigurationKey(
            "http.limits.connections", .integer(1...1_000_000), default: "10000", "Most connections at once."),
        ConfigurationKey(
            "http.limits.manifestbytes", .bytes(1024...67_108_864), default: "4MiB", "Largest manifest."),
        ConfigurationKey(
            "http.limits.uploadbytes", .bytes(0...Int.max), default: "0", "Largest blob; 0 means no bound."),
        ConfigurationKey("http.timeouts", .section, "How long a client may keep the server waiting."),
        ConfigurationKey(
            "http.timeouts.header", .duration(1_000_000...Int64.max), default: "30s", "For a complete request head."),
        ConfigurationKey(
            "http.timeouts.idle", .duration(1_000_000...Int64.max), default: "75s", "Between two requests."),
        ConfigurationKey(
            "http.timeouts.stall", .duration(1_000_000...Int64.max), default: "60s",
            "Without a byte moving in a body. A slow body is never cut off."),
        ConfigurationKey("http.debug", .section, status: .later, "A second listener for operators."),
        ConfigurationKey("http.debug.addr", .text, status: .later, "Its host and port."),
        ConfigurationKey("http.debug.prometheus", .section, status: .later, "Metrics on it."),
        ConfigurationKey("http.debug.prometheus.enabled", .boolean, default: "false", status: .later, "Serves them."),
        ConfigurationKey("http.debug.prometheus.path", .text, default: "/metrics", status: .later, "Their path."),
    ]
}
