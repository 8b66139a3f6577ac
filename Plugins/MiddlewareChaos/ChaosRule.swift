import PluginKit

/// What may go wrong, and how often.
struct ChaosRule: Decodable, Sendable {
    /// What happens to a call.
    enum Fault: String, Decodable, Sendable {
        /// It fails before anything is done.
        case error
        /// It is done, and its answer is lost.
        case lost
        /// It waits first.
        case latency
        /// A reader gives few bytes at a time.
        case short
        /// A reader ends before the end of the object.
        case truncate
        /// A write takes some of its bytes, and fails.
        case torn

        /// The operations that can go wrong so.
        var operations: [ChaosOperation] {
            switch self {
            case .error, .latency: ChaosOperation.allCases
            case .lost: ChaosOperation.allCases.filter(\.changesSomething)
            case .short, .truncate: [.read]
            case .torn: [.write]
            }
        }
    }

    let fault: Fault
    /// 0 to 1.
    let rate: Double
    let operations: [ChaosOperation]
    /// Empty: all.
    let path: String
    let error: PluginError
    let latencyNanoseconds: Int64

    private enum CodingKeys: String, CodingKey { case fault, rate, operations, path, code, retryafter, latency }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        fault = try container.decode(Fault.self, forKey: .fault)
        rate = try container.decode(Double.self, forKey: .rate)
        guard (0...1).contains(rate) else { throw PluginError.config(key: "rules", "a rate lies between 0 and 1") }
        path = try container.decodeIfPresent(String.self, forKey: .path) ?? ""
        operations = try ChaosRule.operations(
            try container.decodeIfPresent([String].self, forKey: .operations) ?? [], fault)
        error = try ChaosRule.error(container)
        let latency = try container.decodeIfPresent(FlexibleDuration.self, forKey: .latency)
        guard (latency != nil) == (fault == .latency) else {
            throw PluginError.config(key: "rules", "\"latency\" belongs to the fault \"latency\", which needs it")
        }
        latencyNanoseconds = latency?.nanoseconds ?? 0
    }

    private static func operations(_ names: [String], _ fault: Fault) throws(PluginError) -> [ChaosOperation] {
        var chosen: [ChaosOperation] = []
        for name in names {
            guard let operation = ChaosOperation(rawValue: name) else {
                let known = ChaosOperation.allCases.map(\.rawValue).joined(separator: ", ")
                throw .config(key: "rules", "there is no operation \"\(name)\"; there are: \(known)")
            }
            guard fault.operations.contains(operation) else {
                throw .config(key: "rules", "the fault \"\(fault.rawValue)\" can't happen to \"\(name)\"")
            }
            chosen.append(operation)
        }
        return chosen.isEmpty ? fault.operations : chosen
    }

    private static func error(_ container: KeyedDecodingContainer<CodingKeys>) throws -> PluginError {
        let name = try container.decodeIfPresent(String.self, forKey: .code) ?? "unavailable"
        let codes: [String: PluginError.Code] = [
            "unavailable": .unavailable, "throttled": .throttled, "timeout": .timeout, "permission": .permission,
            "nospace": .noSpace, "internal": .internalFailure,
        ]
        guard let code = codes[name] else {
            throw PluginError.config(
                key: "rules", "there is no code \"\(name)\"; there are: \(codes.keys.sorted().joined(separator: ", "))")
        }
        var error = PluginError(code, "chaos: it goes wrong by chance")
        error.vendorCode = "Chaos"
        if let after = try container.decodeIfPresent(FlexibleDuration.self, forKey: .retryafter) {
            error.retryAfterMilliseconds = after.nanoseconds / 1_000_000
        }
        return error
    }
}

/// The operations of a storage, its readers and its writers, as a rule names them.
enum ChaosOperation: String, CaseIterable, Sendable {
    case get, put, open, read, create, write, sync, commit, cancel, stat, list, walk, move, copy, remove, redirect
    case checksum

    var changesSomething: Bool {
        switch self {
        case .put, .write, .sync, .commit, .cancel, .move, .copy, .remove: true
        case .get, .open, .read, .create, .stat, .list, .walk, .redirect, .checksum: false
        }
    }
}
