/// Rows that cannot pass yet, by the beginning of their ids, and why. Their tests are known issues.
enum KnownGaps {
    static let reasons: [(rows: String, why: String)] = [
        ("pull.blob.206", "ranges are being reworked"), ("pull.blob.416", "ranges are being reworked"),
        ("pull.blob.multirange", "ranges are being reworked"),
        ("push.post.algorithm-unknown", "uploads are being reworked"),
    ]
}
