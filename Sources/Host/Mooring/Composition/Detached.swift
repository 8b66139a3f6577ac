import Dispatch
import Synchronization

/// Lets the main thread wait for async work without being part of it: nothing of the server runs on the main actor.
enum Detached {
    /// Runs `body` to its end.
    static func run(
        _ body: @escaping @Sendable () async throws -> Void, onError: @escaping @Sendable (any Error) -> Void
    ) {
        let done = DispatchSemaphore(value: 0)
        Task.detached {
            do {
                try await body()
            } catch {
                onError(error)
            }
            done.signal()
        }
        done.wait()
    }

    /// Runs `body` to its end and gives its value.
    static func value<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) -> Value? {
        let result = Box<Value>()
        run {
            let value = await body()
            result.value.withLock { $0 = value }
        } onError: { _ in
        }
        return result.value.withLock { $0 }
    }

    private final class Box<Value: Sendable>: Sendable {
        let value = Mutex<Value?>(nil)
    }
}
