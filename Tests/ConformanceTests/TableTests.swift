import Testing

@Suite("The table over HTTP/1.1", .serialized, .serving(.http1))
struct TableOverHTTP1Tests {
    @Test("Row", .timeLimit(.minutes(2)), arguments: Table.rows)
    func row(_ row: Row) async throws { try await row.check() }
}

@Suite("The table over HTTP/2 and TLS", .serialized, .serving(.http2TLS))
struct TableOverHTTP2Tests {
    @Test("Row", .timeLimit(.minutes(2)), arguments: Table.rows.filter { $0.reach == .everywhere })
    func row(_ row: Row) async throws { try await row.check() }
}
