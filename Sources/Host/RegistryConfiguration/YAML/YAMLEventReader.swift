import CYAML

/// One event of a YAML stream.
struct YAMLEvent {
    enum Kind {
        case streamStart, streamEnd, documentStart, documentEnd, sequenceEnd, mappingEnd
        case alias(String)
        case scalar(YAMLScalar)
        case sequenceStart
        case mappingStart
    }

    var kind: Kind
    var anchor: String?
    var tag: String?
    var line: Int
    var column: Int
}

/// Owns a libyaml parser. The bytes must outlive it.
struct YAMLEventReader: ~Copyable {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let bytes: UnsafeBufferPointer<UInt8>

    init(_ bytes: UnsafeBufferPointer<UInt8>) throws(YAMLError) {
        let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        guard yaml_parser_initialize(parser) == 1 else {
            parser.deallocate()
            throw YAMLError(message: "out of memory", line: 0, column: 0)
        }
        self.parser = parser
        self.bytes = bytes
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        // libyaml asserts that the pointer is not null, which an empty buffer's may be.
        if let base = bytes.baseAddress {
            yaml_parser_set_input_string(parser, base, bytes.count)
        } else {
            yaml_parser_set_input_string(parser, "", 0)
        }
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
    }

    /// The next event. After `streamEnd` it answers `streamEnd` again.
    func next() throws(YAMLError) -> YAMLEvent {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw failure() }
        defer { yaml_event_delete(&event) }
        var anchor: UnsafeMutablePointer<UInt8>?
        var tag: UnsafeMutablePointer<UInt8>?
        let kind: YAMLEvent.Kind
        switch event.type {
        case YAML_STREAM_START_EVENT: kind = .streamStart
        case YAML_DOCUMENT_START_EVENT: kind = .documentStart
        case YAML_DOCUMENT_END_EVENT: kind = .documentEnd
        case YAML_SEQUENCE_END_EVENT: kind = .sequenceEnd
        case YAML_MAPPING_END_EVENT: kind = .mappingEnd
        case YAML_ALIAS_EVENT: kind = .alias(Self.text(event.data.alias.anchor) ?? "")
        case YAML_SEQUENCE_START_EVENT:
            (anchor, tag) = (event.data.sequence_start.anchor, event.data.sequence_start.tag)
            kind = .sequenceStart
        case YAML_MAPPING_START_EVENT:
            (anchor, tag) = (event.data.mapping_start.anchor, event.data.mapping_start.tag)
            kind = .mappingStart
        case YAML_SCALAR_EVENT:
            (anchor, tag) = (event.data.scalar.anchor, event.data.scalar.tag)
            let value = UnsafeBufferPointer(start: event.data.scalar.value, count: event.data.scalar.length)
            let isPlain = event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE
            kind = .scalar(YAMLScalar(text: String(decoding: value, as: UTF8.self), isPlain: isPlain))
        default: kind = .streamEnd
        }
        return YAMLEvent(
            kind: kind, anchor: Self.text(anchor), tag: Self.text(tag),
            line: Self.position(event.start_mark.line), column: Self.position(event.start_mark.column))
    }

    private static func text(_ pointer: UnsafeMutablePointer<UInt8>?) -> String? {
        pointer.map { String(cString: $0) }
    }

    /// libyaml counts from 0.
    private static func position(_ index: Int) -> Int { index < Int.max ? index + 1 : index }

    private func failure() -> YAMLError {
        let problem = parser.pointee.problem.map { String(cString: $0) } ?? "not valid YAML"
        switch parser.pointee.error {
        case YAML_READER_ERROR:
            // libyaml keeps no mark for the bytes it could not read, only their offset.
            let (line, column) = place(ofByte: parser.pointee.problem_offset)
            return YAMLError(message: "the text is not UTF-8 that YAML allows: \(problem)", line: line, column: column)
        case YAML_MEMORY_ERROR: return YAMLError(message: "out of memory", line: 0, column: 0)
        default: break
        }
        let line = Self.position(parser.pointee.problem_mark.line)
        let column = Self.position(parser.pointee.problem_mark.column)
        if isIndentedWithTab(line) {
            return YAMLError(message: "a tab cannot indent YAML; use spaces", line: line, column: column)
        }
        var message = problem
        if let context = parser.pointee.context {
            message += " \(String(cString: context))"
            let contextLine = Self.position(parser.pointee.context_mark.line)
            if contextLine != line { message += " that began in line \(contextLine)" }
        }
        return YAMLError(message: message, line: line, column: column)
    }

    private func place(ofByte offset: Int) -> (line: Int, column: Int) {
        var line = 1
        var column = 1
        for byte in bytes.prefix(max(0, offset)) {
            if byte == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        return (line, column)
    }

    private func isIndentedWithTab(_ line: Int) -> Bool {
        let text = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropFirst(line - 1)
            .first
        return text?.prefix { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }.contains(UInt8(ascii: "\t"))
            ?? false
    }
}
