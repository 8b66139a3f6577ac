import Foundation
import Synchronization

/// What clients did to one register that holds a value or nothing, and when.
struct RegisterHistory: Sendable {
    enum Action: Sendable, Equatable {
        /// From now on it holds the value; nil: nothing.
        case write(Int?)
        /// It held the value; nil: nothing.
        case read(Int?)
    }

    /// One operation, with the times around it. `end` is nil if nobody knows whether it was done: at any time after
    /// `begin`, or never.
    struct Operation: Sendable {
        let client: Int
        let action: Action
        let begin: Int
        let end: Int?
    }

    var operations: [Operation] = []

    /// Whether there is an order of the operations in which each takes its effect at one moment between its begin and its
    /// end, and every read gives what was written last (Wing & Gong's search, with Lowe's memory of what was tried).
    func isLinearizable(from initial: Int? = nil) -> Bool {
        var search = Search(operations: operations.sorted { $0.begin < $1.begin })
        return search.canEnd(with: initial)
    }

    private struct Search {
        /// A set of done operations with the value that they leave.
        struct Configuration: Hashable {
            /// All before this one are done.
            var first = 0
            var beyond: Set<Int> = []
            var value: Int?

            func contains(_ index: Int) -> Bool { index < first || beyond.contains(index) }

            mutating func insert(_ index: Int) {
                beyond.insert(index)
                while beyond.remove(first) != nil { first += 1 }
            }
        }

        let operations: [Operation]
        var tried: Set<Configuration> = []

        mutating func canEnd(with initial: Int?) -> Bool {
            var open = [Configuration(value: initial)]
            while let current = open.popLast() {
                guard tried.insert(current).inserted else { continue }
                if isComplete(current) { return true }
                open += successors(of: current)
            }
            return false
        }

        private func isComplete(_ current: Configuration) -> Bool {
            operations[current.first...].indices.allSatisfy { current.contains($0) || operations[$0].end == nil }
        }

        /// What may come next: an operation that began before any that isn't done ended.
        private func successors(of current: Configuration) -> [Configuration] {
            var found: [Configuration] = []
            var firstEnd = Int.max
            for index in operations[current.first...].indices where !current.contains(index) {
                let operation = operations[index]
                if operation.begin > firstEnd { break }
                firstEnd = min(firstEnd, operation.end ?? .max)
                var next = current
                next.insert(index)
                switch operation.action {
                case .write(let value): next.value = value
                case .read(let value): if value != current.value { continue }
                }
                found.append(next)
            }
            // The last is tried first; those that began first most likely were done first.
            return found.reversed()
        }
    }
}

/// Collects a history from many clients.
final class RegisterRecorder: Sendable {
    private struct State {
        var clock = 0
        var operations: [RegisterHistory.Operation] = []
    }

    private let state = Mutex(State())

    var history: RegisterHistory { state.withLock { RegisterHistory(operations: $0.operations) } }

    /// Runs an operation and notes it with the moments before and after it.
    /// - Parameters:
    ///   - intent: what it may have done if `body` throws and nobody knows; nil: nothing that matters.
    ///   - body: gives what was done.
    func record(
        _ client: Int, _ intent: RegisterHistory.Action?, _ body: () async throws -> RegisterHistory.Action
    ) async {
        let begin = tick()
        let action = try? await body()
        let end = tick()
        guard let done = action ?? intent else { return }
        state.withLock {
            $0.operations.append(.init(client: client, action: done, begin: begin, end: action == nil ? nil : end))
        }
    }

    /// Moments that are in the order of real time.
    private func tick() -> Int {
        state.withLock { state in
            state.clock += 1
            return state.clock
        }
    }
}
