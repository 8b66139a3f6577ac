/// Matches the keys of one JSON object with the fields that are known there.
///
/// Go's decoder ignores letter case, takes the last of equal keys, and folds two letters outside ASCII: what it reads
/// can differ from what a strict reader sees in the same bytes. In a push such documents are refused; in stored
/// content they are read as Go reads them.
struct FieldNames<Field: RawRepresentable<String> & CaseIterable & Equatable> {
    private let validation: Manifest.Validation
    private var seen: [Field] = []
    private var others: Set<String> = []

    init(_ validation: Manifest.Validation) { self.validation = validation }

    mutating func field(named key: String) throws(ManifestError) -> Field? {
        var found = Field(rawValue: key)
        if found == nil { found = try similar(to: key) }
        guard validation == .upload else { return found }
        guard let field = found else {
            // Nobody reads it here, but somebody may elsewhere, and not the same of the two.
            guard others.insert(key).inserted else { throw JSONScanner.twice(key) }
            return nil
        }
        guard !seen.contains(field) else {
            throw ManifestError(.invalidField, field: field.rawValue, "is given twice")
        }
        seen.append(field)
        return field
    }

    private func similar(to key: String) throws(ManifestError) -> Field? {
        guard key.utf8.count <= 32 else { return nil }
        let folded = Self.fold(key)
        guard let field = Field.allCases.first(where: { Self.fold($0.rawValue) == folded }) else { return nil }
        guard validation == .stored else {
            throw ManifestError(.invalidField, field: quoted(key), "must be written \(quoted(field.rawValue))")
        }
        return field
    }

    private static func fold(_ text: String) -> [Unicode.Scalar] {
        text.unicodeScalars.map { scalar in
            switch scalar {
            case "A"..."Z": Unicode.Scalar(UInt8(truncatingIfNeeded: scalar.value | 0x20))
            case "\u{17F}": "s"  // LATIN SMALL LETTER LONG S
            case "\u{212A}": "k"  // KELVIN SIGN
            default: scalar
            }
        }
    }
}

extension JSONScanner {
    /// The next field that is known and not `null`, with the scanner at its value; or nothing, behind the object.
    mutating func nextField<Field>(_ fields: inout FieldNames<Field>) throws(ManifestError) -> Field? {
        while let key = try nextKey() {
            guard let field = try fields.field(named: key) else {
                try skipValue()
                continue
            }
            if try !takeNull() { return field }
        }
        return nil
    }
}
