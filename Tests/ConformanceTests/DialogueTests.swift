import Testing

@Suite("Dialogues of clients over HTTP/1.1", .serialized, .serving(.http1, [.standard]))
struct DialoguesOverHTTP1Tests {
    @Test("Dialogue", .timeLimit(.minutes(2)), arguments: Dialogues.rows)
    func dialogue(_ row: Row) async throws { try await row.check() }
}

@Suite("Dialogues of clients over HTTP/1.1 and TLS", .serialized, .serving(.http1TLS, [.standard]))
struct DialoguesOverTLSTests {
    @Test("Dialogue", .timeLimit(.minutes(2)), arguments: Dialogues.rows)
    func dialogue(_ row: Row) async throws { try await row.check() }
}

@Suite("Dialogues of clients over HTTP/2", .serialized, .serving(.http2, [.standard]))
struct DialoguesOverHTTP2Tests {
    @Test("Dialogue", .timeLimit(.minutes(2)), arguments: Dialogues.rows)
    func dialogue(_ row: Row) async throws { try await row.check() }
}

@Suite("Dialogues of clients over HTTP/2 and TLS", .serialized, .serving(.http2TLS, [.standard]))
struct DialoguesOverHTTP2TLSTests {
    @Test("Dialogue", .timeLimit(.minutes(2)), arguments: Dialogues.rows)
    func dialogue(_ row: Row) async throws { try await row.check() }
}
