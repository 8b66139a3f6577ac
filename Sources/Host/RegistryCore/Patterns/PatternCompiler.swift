/// A regular expression, taken apart.
indirect enum PatternNode: Sendable {
    case empty
    case scalar(ScalarSet)
    case require(PatternAssertion)
    case sequence([PatternNode])
    case alternatives([PatternNode])
    /// At least `minimum` times, at most `maximum` (nil: no bound).
    case repeated(PatternNode, minimum: Int, maximum: Int?)
}

/// Turns an expression into a program. Which of several matches is found doesn't matter, so greed doesn't either.
struct PatternCompiler {
    /// Steps at most: they are time, for every scalar of every text.
    private static let maximumSize = 5000

    private let pattern: String
    private var program: [PatternInstruction] = []

    init(_ pattern: String) { self.pattern = pattern }

    mutating func compile(_ node: PatternNode) throws(PatternError) -> [PatternInstruction] {
        try emit(node)
        try append(.match)
        return program
    }

    private mutating func append(_ instruction: PatternInstruction) throws(PatternError) {
        guard program.count < Self.maximumSize else { throw PatternError(pattern: pattern, reason: "it is too large") }
        program.append(instruction)
    }

    private mutating func emit(_ node: PatternNode) throws(PatternError) {
        switch node {
        case .empty: break
        case .scalar(let set): try append(.scalar(set))
        case .require(let assertion): try append(.require(assertion))
        case .sequence(let nodes): for node in nodes { try emit(node) }
        case .alternatives(let nodes): try emitAlternatives(nodes)
        case .repeated(let node, let minimum, let maximum):
            for _ in 0..<minimum {
                let start = program.count
                try emit(node)
                // What emits nothing doesn't do so a thousand times either.
                if program.count == start { return }
            }
            guard let maximum else { return try emitLoop(node) }
            try emitOptional(node, count: maximum - minimum)
        }
    }

    private mutating func emitAlternatives(_ nodes: [PatternNode]) throws(PatternError) {
        var jumps: [Int] = []
        for node in nodes.dropLast() {
            let split = program.count
            try append(.match)
            try emit(node)
            jumps.append(program.count)
            try append(.match)
            program[split] = .split(split + 1, program.count)
        }
        if let last = nodes.last { try emit(last) }
        for jump in jumps { program[jump] = .jump(program.count) }
    }

    private mutating func emitLoop(_ node: PatternNode) throws(PatternError) {
        let split = program.count
        try append(.match)
        try emit(node)
        try append(.jump(split))
        program[split] = .split(split + 1, program.count)
    }

    private mutating func emitOptional(_ node: PatternNode, count: Int) throws(PatternError) {
        var splits: [Int] = []
        for _ in 0..<count {
            splits.append(program.count)
            try append(.match)
            try emit(node)
        }
        for split in splits { program[split] = .split(split + 1, program.count) }
    }
}
