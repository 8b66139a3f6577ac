/// A regular expression in the syntax of Go's `regexp` (RE2), which configurations are written in. It is searched for in a
/// text in time proportional to the text and to the expression: what a client sends is matched, so nothing that backtracks
/// will do, as the standard library's `Regex` does.
///
/// Unicode classes (`\pL`) are not supported, letters are folded in ASCII only, and captures are not kept.
struct LinearPattern: Sendable {
    private let program: [PatternInstruction]

    /// Compiles an expression.
    /// - Throws: ``PatternError`` that names the place.
    init(_ text: String) throws(PatternError) {
        var parser = PatternParser(text)
        let node = try parser.parse()
        var compiler = PatternCompiler(text)
        program = try compiler.compile(node)
    }

    /// Whether the expression matches anywhere in the text.
    func matches(_ text: String) -> Bool {
        var threads = PatternThreads(count: program.count)
        var next = PatternThreads(count: program.count)
        var previous: UInt32?
        for scalar in text.unicodeScalars {
            let value = scalar.value
            if follow(0, previous, value, into: &threads) { return true }
            next.removeAll()
            for thread in threads.members {
                guard case .scalar(let set) = program[thread], set.contains(value) else { continue }
                next.pending.append(thread + 1)
            }
            previous = value
            threads.removeAll()
            swap(&threads.pending, &next.pending)
        }
        return follow(0, previous, nil, into: &threads)
    }

    /// Adds what can be reached from the pending places, and from `start`, without consuming anything.
    /// - Returns: whether that is a match.
    private func follow(_ start: Int, _ previous: UInt32?, _ next: UInt32?, into threads: inout PatternThreads) -> Bool
    {
        threads.pending.append(start)
        while let place = threads.pending.popLast() {
            guard threads.insert(place) else { continue }
            switch program[place] {
            case .match: return true
            case .scalar: break
            case .jump(let target): threads.pending.append(target)
            case .split(let first, let second):
                threads.pending.append(first)
                threads.pending.append(second)
            case .require(let assertion):
                if assertion.holds(between: previous, and: next) { threads.pending.append(place + 1) }
            }
        }
        return false
    }
}

/// Why a text is no regular expression.
public struct PatternError: Error, Hashable, CustomStringConvertible {
    /// The expression.
    public let pattern: String
    /// What is wrong with it.
    public let reason: String

    /// A sentence for the operator.
    public var description: String { "the regular expression \"\(pattern)\" can't be used: \(reason)" }
}

/// One step of a compiled expression.
enum PatternInstruction: Sendable {
    case scalar(ScalarSet)
    case jump(Int)
    case split(Int, Int)
    case require(PatternAssertion)
    case match
}

/// A condition on a place between two scalars.
enum PatternAssertion: Sendable {
    case textStart, textEnd, lineStart, lineEnd, wordBoundary, noWordBoundary

    func holds(between previous: UInt32?, and next: UInt32?) -> Bool {
        switch self {
        case .textStart: previous == nil
        case .textEnd: next == nil
        case .lineStart: previous == nil || previous == 0x0A
        case .lineEnd: next == nil || next == 0x0A
        case .wordBoundary: isWord(previous) != isWord(next)
        case .noWordBoundary: isWord(previous) == isWord(next)
        }
    }

    private func isWord(_ scalar: UInt32?) -> Bool { scalar.map(ScalarSet.word.contains) ?? false }
}

/// The places of a program at which a match may be, each once.
private struct PatternThreads {
    private(set) var members: [Int] = []
    /// Places to be looked at.
    var pending: [Int] = []
    private var isMember: [Bool]

    init(count: Int) { isMember = Array(repeating: false, count: count) }

    mutating func insert(_ place: Int) -> Bool {
        guard !isMember[place] else { return false }
        isMember[place] = true
        members.append(place)
        return true
    }

    mutating func removeAll() {
        for place in members { isMember[place] = false }
        members.removeAll(keepingCapacity: true)
        pending.removeAll(keepingCapacity: true)
    }
}
