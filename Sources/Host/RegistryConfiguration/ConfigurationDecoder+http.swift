extension ConfigurationDecoder {
    mutating func http() -> RegistryConfiguration.HTTP {
        let section = reader("http")
        return RegistryConfiguration.HTTP(
            address: address(section), prefix: prefix(section), host: host(section),
            secret: section.text("secret").flatMap { $0.isEmpty ? nil : $0 },
            relativeURLs: section.boolean("relativeurls"), drainTimeout: section.duration("draintimeout"),
            headers: headers(section), tls: tls(section.section("tls")),
            http2Disabled: section.section("http2").boolean("disabled"),
            h2cEnabled: section.section("h2c").boolean("enabled"), threads: section.integer("threads"),
            limits: Self.limits(section.section("limits")), timeouts: Self.timeouts(section.section("timeouts")))
    }

    private static func limits(_ section: SettingsReader) -> RegistryConfiguration.Limits {
        let uploadBytes = section.integer("uploadbytes")
        return RegistryConfiguration.Limits(
            headerBytes: section.integer("headerbytes"), headers: section.integer("headers"),
            connections: section.integer("connections"), manifestBytes: section.integer("manifestbytes"),
            uploadBytes: uploadBytes > 0 ? uploadBytes : nil)
    }

    private static func timeouts(_ section: SettingsReader) -> RegistryConfiguration.Timeouts {
        RegistryConfiguration.Timeouts(
            header: section.duration("header"), idle: section.duration("idle"), stall: section.duration("stall"))
    }

    private mutating func address(_ section: SettingsReader) -> ListenAddress {
        let text = section.text("addr") ?? ""
        if section.choice("net") == "unix" {
            // The size of `sockaddr_un.sun_path`, with room for the NUL at its end.
            if section.written("addr") == nil || text.isEmpty || text.utf8.count > 107 {
                report(.error, section, "addr", "expected the path of a socket, at most 107 bytes long")
            }
            return .unix(path: text)
        }
        if let address = ListenAddress(text) { return address }
        report(
            .error, section, "addr",
            "found \(Printable.quoted(text)), expected host:port such as :5000, localhost:0 or [::1]:5000")
        return .tcp(host: "127.0.0.1", port: 0)
    }

    private mutating func prefix(_ section: SettingsReader) -> String {
        let parts = (section.text("prefix") ?? "").split(separator: "/", omittingEmptySubsequences: true)
        let isClean = parts.allSatisfy { part in
            part != "." && part != ".."
                && part.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"?#%\\\"<>".utf8.contains($0) }
        }
        if !isClean { report(.error, section, "prefix", "expected a plain path such as /hub/") }
        return parts.isEmpty ? "/" : "/\(parts.joined(separator: "/"))/"
    }

    private mutating func host(_ section: SettingsReader) -> String? {
        guard var host = section.url("host") else { return nil }
        if host.contains("?") || host.contains("#") || host.contains("@") {
            report(.error, section, "host", "expected a URL without user, query and fragment")
        }
        while host.hasSuffix("/") { host.removeLast() }
        return host
    }

    private mutating func headers(_ section: SettingsReader) -> [RegistryConfiguration.Header] {
        var headers: [RegistryConfiguration.Header] = []
        for entry in section.written("headers")?.entries ?? [] {
            let path = section.childPath("headers") + "." + entry.key
            let values = (entry.value.elements ?? []).compactMap(\.text)
            if entry.key.isEmpty || !entry.key.utf8.allSatisfy(Self.isTokenByte) {
                report(.error, path, entry.origin, "is not the name of a header")
            } else if values.contains(where: { $0.utf8.contains { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7F } }) {
                report(.error, path, entry.origin, "a header's value cannot hold control characters")
            } else {
                headers.append(RegistryConfiguration.Header(name: entry.key, values: values))
            }
        }
        return headers
    }

    /// A byte of a token (RFC 9110, section 5.6.2).
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }

    private mutating func tls(_ section: SettingsReader) -> RegistryConfiguration.TLS? {
        let certificate = section.text("certificate").flatMap { $0.isEmpty ? nil : $0 }
        let key = section.text("key").flatMap { $0.isEmpty ? nil : $0 }
        guard let certificate, let key else {
            if certificate != nil { report(.error, section, "key", "missing; the certificate needs its private key") }
            if key != nil { report(.error, section, "certificate", "missing; the private key needs its certificate") }
            if certificate == nil && key == nil
                && (section.written("minimumtls") ?? section.written("ciphersuites")) != nil
            {
                report(.warning, section.path, section.origin, "has no certificate, so that TLS is off")
            }
            return nil
        }
        let minimum = RegistryConfiguration.TLS.Version(rawValue: section.choice("minimumtls")) ?? .tls12
        let suites = section.texts("ciphersuites").map { text in
            ConfigurationKey.cipherSuites.first { $0.lowercased() == text.lowercased() } ?? text
        }
        if minimum == .tls13 && !suites.isEmpty {
            report(.warning, section, "ciphersuites", "has no effect with TLS 1.3 alone")
        }
        return RegistryConfiguration.TLS(certificate: certificate, key: key, minimum: minimum, cipherSuites: suites)
    }
}
