import PluginKit
import Synchronization

/// Decides what goes wrong. The same seed gives the same sequence; which call meets which chance depends on their order.
final class Chances: Sendable {
    private let rules: [ChaosRule]
    private let state: Atomic<UInt64>
    private let timer: HostTimer
    private let injected: Metric

    init(_ options: ChaosOptions, _ host: Host) {
        rules = options.rules
        state = Atomic(options.seed)
        timer = host.timer
        injected = host.metrics.define(.counter, "chaos_faults_total", labels: ["operation", "fault"])
    }

    /// Does `body`, unless a rule has it fail before, lose its answer behind, or wait.
    func run<R: ~Copyable>(
        _ operation: ChaosOperation, _ path: String, _ body: () async throws -> R
    ) async throws -> R {
        try await before(operation, path)
        let result = try await body()
        if let rule = hit(.lost, operation, path) { throw rule.error }
        return result
    }

    /// Waits or fails, as the rules say.
    func before(_ operation: ChaosOperation, _ path: String) async throws {
        if let rule = hit(.latency, operation, path) { try await timer.sleep(nanoseconds: rule.latencyNanoseconds) }
        if let rule = hit(.error, operation, path) {
            var error = rule.error
            error.noEffect = true
            throw error
        }
    }

    /// The first rule for a fault that strikes now.
    func hit(_ fault: ChaosRule.Fault, _ operation: ChaosOperation, _ path: String) -> ChaosRule? {
        for rule in rules where rule.fault == fault && rule.operations.contains(operation) {
            guard rule.path.isEmpty || path.contains(rule.path), fraction() < rule.rate else { continue }
            injected.record(1, labels: [operation.rawValue, fault.rawValue])
            return rule
        }
        return nil
    }

    /// 1 to `limit`; 0 if that is 0.
    func count(upTo limit: Int) -> Int {
        guard limit > 0 else { return 0 }
        return min(limit, 1 + Int(fraction() * Double(limit)))
    }

    /// From 0 up to, and without, 1 (SplitMix64).
    private func fraction() -> Double {
        var word = state.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return Double((word ^ word >> 31) >> 11) * 0x1p-53
    }
}
