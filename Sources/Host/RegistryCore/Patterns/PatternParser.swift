/// Reads the syntax of Go's `regexp`.
struct PatternParser {
    /// Groups inside each other, and repetitions of one thing, at most; the second is Go's own bound.
    private static let maximumDepth = 100
    static let maximumCount = 1000

    /// The flags that a group may set.
    private struct Flags {
        var ignoresCase = false
        var isMultiline = false
        var dotMatchesNewline = false
    }

    private let pattern: String
    private let scalars: [Unicode.Scalar]
    private var index = 0
    private var depth = 0
    private var flags = Flags()

    init(_ pattern: String) {
        self.pattern = pattern
        scalars = Array(pattern.unicodeScalars)
    }

    mutating func parse() throws(PatternError) -> PatternNode {
        let node = try alternatives()
        guard index == scalars.count else { throw error("unexpected )") }
        return node
    }

    // MARK: Structure

    private mutating func alternatives() throws(PatternError) -> PatternNode {
        guard depth < Self.maximumDepth else { throw error("too many groups inside each other") }
        depth += 1
        defer { depth -= 1 }
        let outer = flags
        defer { flags = outer }
        var nodes = [try sequence()]
        while take("|") { nodes.append(try sequence()) }
        return nodes.count == 1 ? nodes[0] : .alternatives(nodes)
    }

    private mutating func sequence() throws(PatternError) -> PatternNode {
        var nodes: [PatternNode] = []
        while let next = peek(), next != "|", next != ")" {
            if takeText("\\Q") {
                while index < scalars.count, !takeText("\\E") { nodes.append(literal(advance())) }
                // A repetition is of the last of them.
                if let last = nodes.popLast() { nodes.append(try quantified(last)) }
                continue
            }
            nodes.append(try quantified(try item()))
        }
        return nodes.count == 1 ? nodes[0] : .sequence(nodes)
    }

    private mutating func item() throws(PatternError) -> PatternNode {
        let scalar = advance()
        switch scalar {
        case "(": return try group()
        case "[": return .scalar(try bracketed())
        case ".": return .scalar(flags.dotMatchesNewline ? .any : .anyButNewline)
        case "^": return .require(flags.isMultiline ? .lineStart : .textStart)
        case "$": return .require(flags.isMultiline ? .lineEnd : .textEnd)
        case "\\": return try escape()
        case "*", "+", "?": throw error("there is nothing to repeat before \(scalar)")
        default: return literal(scalar)
        }
    }

    private mutating func group() throws(PatternError) -> PatternNode {
        if take("?") {
            if takeText("P<") || take("<") {
                while let next = peek(), next != ">" {
                    guard ScalarSet.word.contains(next.value) else { throw error("a group's name must be a word") }
                    index += 1
                }
                guard take(">") else { throw error("a group's name doesn't end") }
            } else if let node = try flagGroup() {
                return node
            }
        }
        let node = try alternatives()
        guard take(")") else { throw error("a group doesn't end") }
        return node
    }

    /// `(?i)`, which holds to the end of the group around it, and `(?i:…)`; nil if the group's content follows.
    private mutating func flagGroup() throws(PatternError) -> PatternNode? {
        let outer = flags
        var isSet = true
        while let scalar = peek() {
            index += 1
            switch scalar {
            case "i": flags.ignoresCase = isSet
            case "m": flags.isMultiline = isSet
            case "s": flags.dotMatchesNewline = isSet
            case "U": break
            case "-" where isSet: isSet = false
            case ")": return .empty
            case ":":
                let node = try alternatives()
                flags = outer
                guard take(")") else { throw error("a group doesn't end") }
                return node
            default: throw error("(?\(scalar) is not supported")
            }
        }
        throw error("a group doesn't end")
    }

    // MARK: Repetition

    private mutating func quantified(_ item: PatternNode) throws(PatternError) -> PatternNode {
        let bounds: (Int, Int?)
        if take("*") {
            bounds = (0, nil)
        } else if take("+") {
            bounds = (1, nil)
        } else if take("?") {
            bounds = (0, 1)
        } else if let counts = try counts() {
            bounds = counts
        } else {
            return item
        }
        _ = take("?")
        if let next = peek(), next == "*" || next == "+" || next == "?" { throw error("a repetition is repeated") }
        if try counts() != nil { throw error("a repetition is repeated") }
        if case .require = item { return bounds.0 == 0 ? .empty : item }
        return .repeated(item, minimum: bounds.0, maximum: bounds.1)
    }

    /// `{n}`, `{n,}` or `{n,m}`; what looks otherwise is text.
    private mutating func counts() throws(PatternError) -> (Int, Int?)? {
        let start = index
        guard take("{"), let minimum = number() else {
            index = start
            return nil
        }
        var maximum: Int? = minimum
        if take(",") { maximum = number() }
        guard take("}") else {
            index = start
            return nil
        }
        guard minimum <= Self.maximumCount, maximum.map({ $0 >= minimum && $0 <= Self.maximumCount }) ?? true else {
            throw error("repetitions must be ascending and at most \(Self.maximumCount)")
        }
        return (minimum, maximum)
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let scalar = peek(), ScalarSet.digit.contains(scalar.value) {
            // Far beyond the bound it doesn't matter by how much.
            value = min(1_000_000, (value ?? 0) * 10 + Int(scalar.value - 0x30))
            index += 1
        }
        return value
    }

    // MARK: Escapes

    private mutating func escape() throws(PatternError) -> PatternNode {
        guard let next = peek() else { throw error("it ends in a backslash") }
        let assertions: [Unicode.Scalar: PatternAssertion] = [
            "A": .textStart, "z": .textEnd, "b": .wordBoundary, "B": .noWordBoundary,
        ]
        if let assertion = assertions[next] {
            index += 1
            return .require(assertion)
        }
        return .scalar(fold(try escapedSet()))
    }

    /// What a backslash makes of the next scalars, inside brackets and outside.
    private mutating func escapedSet() throws(PatternError) -> ScalarSet {
        guard index < scalars.count else { throw error("it ends in a backslash") }
        let scalar = advance()
        switch scalar {
        case "d": return .digit
        case "D": return ScalarSet.digit.inverted
        case "w": return .word
        case "W": return ScalarSet.word.inverted
        case "s": return .space
        case "S": return ScalarSet.space.inverted
        case "a": return ScalarSet("\u{07}")
        case "f": return ScalarSet("\u{0C}")
        case "n": return ScalarSet("\n")
        case "r": return ScalarSet("\r")
        case "t": return ScalarSet("\t")
        case "v": return ScalarSet("\u{0B}")
        case "x": return ScalarSet(try hexadecimal())
        default:
            guard scalar.isASCII, !ScalarSet.word.contains(scalar.value) else {
                throw error("\\\(scalar) is not supported")
            }
            return ScalarSet(scalar)
        }
    }

    /// `\x7F` or `\x{10FFFF}`, behind the x.
    private mutating func hexadecimal() throws(PatternError) -> Unicode.Scalar {
        let isBraced = take("{")
        let start = index
        while let next = peek(), next.properties.isASCIIHexDigit, isBraced || index < start + 2 { index += 1 }
        let digits = String(String.UnicodeScalarView(scalars[start..<index]))
        guard isBraced ? take("}") : digits.count == 2, let value = UInt32(digits, radix: 16),
            let scalar = Unicode.Scalar(value)
        else { throw error("\\x must be followed by a character's number") }
        return scalar
    }

    // MARK: Brackets

    private mutating func bracketed() throws(PatternError) -> ScalarSet {
        let isInverted = take("^")
        var set = ScalarSet([])
        var isFirst = true
        while isFirst || peek() != "]" {
            isFirst = false
            guard peek() != nil else { throw error("a set doesn't end") }
            if let named = try namedClass() {
                set.formUnion(named)
                continue
            }
            let lower = try setMember()
            guard peek() == "-", index + 1 < scalars.count, scalars[index + 1] != "]" else {
                set.formUnion(lower)
                continue
            }
            index += 1
            let upper = try setMember()
            guard let low = lower.single, let high = upper.single, low <= high else {
                throw error("a set has a range that descends or isn't one")
            }
            set.formUnion(ScalarSet([low...high]))
        }
        index += 1
        set = fold(set)
        return isInverted ? set.inverted : set
    }

    private mutating func setMember() throws(PatternError) -> ScalarSet {
        guard index < scalars.count else { throw error("a set doesn't end") }
        let scalar = advance()
        return scalar == "\\" ? try escapedSet() : ScalarSet(scalar)
    }

    /// `[:alpha:]` and `[:^alpha:]`; nil if something else follows.
    private mutating func namedClass() throws(PatternError) -> ScalarSet? {
        let start = index
        guard takeText("[:") else { return nil }
        let isInverted = take("^")
        let nameStart = index
        while let next = peek(), next != ":", next != "]" { index += 1 }
        let name = String(String.UnicodeScalarView(scalars[nameStart..<index]))
        guard takeText(":]") else {
            index = start
            return nil
        }
        guard let set = ScalarSet.named(name) else { throw error("there is no class [:\(name):]") }
        return isInverted ? set.inverted : set
    }

    // MARK: Scalars

    private func literal(_ scalar: Unicode.Scalar) -> PatternNode { .scalar(fold(ScalarSet(scalar))) }

    private func fold(_ set: ScalarSet) -> ScalarSet { flags.ignoresCase ? set.folded : set }

    private func peek() -> Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

    /// The next scalar, which is known to be there.
    private mutating func advance() -> Unicode.Scalar {
        defer { index += 1 }
        return scalars[index]
    }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard peek() == scalar else { return false }
        index += 1
        return true
    }

    private mutating func takeText(_ text: String) -> Bool {
        let wanted = text.unicodeScalars
        guard scalars[index...].starts(with: wanted) else { return false }
        index += wanted.count
        return true
    }

    private func error(_ reason: String) -> PatternError { PatternError(pattern: pattern, reason: reason) }
}

extension ScalarSet {
    /// Its value if it has just one.
    fileprivate var single: UInt32? {
        guard ranges.count == 1, let range = ranges.first, range.lowerBound == range.upperBound else { return nil }
        return range.lowerBound
    }
}
