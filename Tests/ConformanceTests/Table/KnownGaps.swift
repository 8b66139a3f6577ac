/// Rows that cannot pass yet, by the beginning of their ids, and why. Their tests are known issues.
enum KnownGaps {
    static let reasons: [(rows: String, why: String)] = []
}
