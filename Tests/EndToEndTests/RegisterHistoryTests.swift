import Testing

@Suite("The check of histories")
struct RegisterHistoryTests {
    private typealias Operation = RegisterHistory.Operation

    private func isLinearizable(_ operations: [Operation]) -> Bool {
        RegisterHistory(operations: operations).isLinearizable()
    }

    private func write(_ value: Int?, _ begin: Int, _ end: Int?) -> Operation {
        Operation(client: 0, action: .write(value), begin: begin, end: end)
    }

    private func read(_ value: Int?, _ begin: Int, _ end: Int) -> Operation {
        Operation(client: 1, action: .read(value), begin: begin, end: end)
    }

    @Test("One after the other, reads give what was written last")
    func sequential() {
        #expect(isLinearizable([read(nil, 1, 2), write(1, 3, 4), read(1, 5, 6), write(nil, 7, 8), read(nil, 9, 10)]))
        #expect(!isLinearizable([write(1, 1, 2), read(nil, 3, 4)]), "a lost write")
        #expect(!isLinearizable([write(1, 1, 2), write(2, 3, 4), read(1, 5, 6)]), "a stale read")
        #expect(!isLinearizable([write(1, 1, 2), write(nil, 3, 4), read(1, 5, 6)]), "a removal that did nothing")
        #expect(!isLinearizable([read(3, 1, 2)]), "a value from nowhere")
    }

    @Test("At the same time, each operation has one moment")
    func concurrent() {
        #expect(isLinearizable([write(1, 1, 10), read(nil, 2, 3), read(1, 4, 5)]))
        #expect(!isLinearizable([write(1, 1, 10), read(1, 2, 3), read(nil, 4, 5)]), "there and gone again")
        #expect(isLinearizable([write(1, 1, 10), write(2, 2, 9), read(2, 11, 12)]))
        #expect(isLinearizable([write(1, 1, 10), write(2, 2, 9), read(2, 3, 4), read(1, 5, 6), read(1, 11, 12)]))
        #expect(
            !isLinearizable([write(1, 1, 10), write(2, 2, 9), read(1, 3, 4), read(2, 5, 6), read(1, 7, 8)]),
            "a write that takes effect twice")
        #expect(
            !isLinearizable([write(1, 1, 2), write(nil, 3, 12), read(nil, 4, 5), write(2, 6, 7), read(nil, 13, 14)]),
            "a removal that takes away what was written after it")
    }

    @Test("What nobody knows the end of may have been done, or not")
    func unknown() {
        #expect(isLinearizable([write(1, 1, nil), read(nil, 2, 3)]))
        #expect(isLinearizable([write(1, 1, nil), read(nil, 2, 3), read(1, 4, 5)]))
        #expect(!isLinearizable([write(1, 1, nil), read(1, 2, 3), read(nil, 4, 5)]))
    }
}
