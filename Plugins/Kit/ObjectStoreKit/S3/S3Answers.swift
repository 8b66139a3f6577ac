/// What S3 says in XML, read leniently: a member that is missing is empty, as in stores that leave some out.
public enum S3Answers {
    /// One object of a listing.
    public struct Object: Sendable, Hashable {
        /// Its key.
        public let key: String
        /// Bytes.
        public let size: UInt64
        /// Of its content; without quotes.
        public let etag: String
        /// Last change, nanoseconds since 1970; 0: unknown.
        public let modifiedNanoseconds: Int64
    }

    /// A page of ListObjectsV2.
    public struct Listing: Sendable, Hashable {
        /// The objects, in the store's order.
        public let objects: [Object]
        /// What keys have in common up to the delimiter, which is their last character.
        public let prefixes: [String]
        /// Whether more follows.
        public let isTruncated: Bool
        /// Where it goes on.
        public let continuationToken: String

        /// Reads an answer.
        public init(_ root: XMLElement) throws(StoreError) {
            try S3Answers.require("ListBucketResult", root)
            let isEncoded = root["EncodingType"]?.text == "url"
            func text(_ element: XMLElement?) -> String {
                let text = element?.text ?? ""
                return isEncoded ? PercentEncoding.decode(text.replacing("+", with: " ")) ?? text : text
            }
            objects = root.all("Contents").map { entry in
                Object(
                    key: text(entry["Key"]), size: UInt64(entry["Size"]?.text ?? "") ?? 0,
                    etag: S3Answers.unquoted(entry["ETag"]?.text ?? ""),
                    modifiedNanoseconds: Timestamp(iso8601: entry["LastModified"]?.text ?? "")?.unixNanoseconds ?? 0)
            }
            prefixes = root.all("CommonPrefixes").map { text($0["Prefix"]) }
            isTruncated = root["IsTruncated"]?.text == "true"
            continuationToken = root["NextContinuationToken"]?.text ?? ""
        }
    }

    /// A multipart upload that wasn't ended.
    public struct Upload: Sendable, Hashable {
        /// The key that it will be.
        public let key: String
        /// Its id.
        public let id: String
    }

    /// A page of ListMultipartUploads.
    public struct Uploads: Sendable, Hashable {
        /// The uploads.
        public let uploads: [Upload]
        /// Whether more follow.
        public let isTruncated: Bool
        /// Where they go on: the last key and upload id.
        public let nextMarkers: (key: String, id: String)

        /// Reads an answer.
        public init(_ root: XMLElement) throws(StoreError) {
            try S3Answers.require("ListMultipartUploadsResult", root)
            uploads = root.all("Upload").map {
                Upload(key: $0["Key"]?.text ?? "", id: $0["UploadId"]?.text ?? "")
            }
            isTruncated = root["IsTruncated"]?.text == "true"
            nextMarkers = (root["NextKeyMarker"]?.text ?? "", root["NextUploadIdMarker"]?.text ?? "")
        }

        /// Whether both say the same.
        public static func == (a: Uploads, b: Uploads) -> Bool {
            a.uploads == b.uploads && a.isTruncated == b.isTruncated && a.nextMarkers == b.nextMarkers
        }

        /// Hashes the uploads.
        public func hash(into hasher: inout Swift.Hasher) { hasher.combine(uploads) }
    }

    /// What DeleteObjects couldn't delete.
    public struct Refusal: Sendable, Hashable {
        /// The key.
        public let key: String
        /// The store's word, such as "AccessDenied".
        public let code: String
        /// One line.
        public let message: String
    }

    /// Reads the answer of DeleteObjects: what wasn't deleted.
    public static func refusals(_ root: XMLElement) throws(StoreError) -> [Refusal] {
        try require("DeleteResult", root)
        return root.all("Error").map {
            Refusal(key: $0["Key"]?.text ?? "", code: $0["Code"]?.text ?? "", message: $0["Message"]?.text ?? "")
        }
    }

    /// The entity tag in an answer to CopyObject, UploadPartCopy or CompleteMultipartUpload, which may be quoted or not.
    public static func etag(_ root: XMLElement) -> String { unquoted(root["ETag"]?.text ?? "") }

    /// A tag without its quotes.
    public static func unquoted(_ etag: String) -> String {
        var bytes = Substring(etag).utf8
        if bytes.first == UInt8(ascii: "\""), bytes.last == UInt8(ascii: "\""), bytes.count >= 2 {
            bytes = bytes.dropFirst().dropLast()
        }
        return String(bytes) ?? etag
    }

    private static func require(_ name: String, _ root: XMLElement) throws(StoreError) {
        guard root.name == name else {
            throw StoreError(
                .corrupt, "the answer is a <\(root.name)> and not a <\(name)>: is this a store that speaks S3?")
        }
    }
}

/// What is asked of S3 in XML.
public enum S3Questions {
    private static let namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

    /// The body of DeleteObjects; the answer tells what couldn't be deleted.
    public static func deletion(of keys: [String]) -> [UInt8] {
        var writer = XMLWriter(root: "Delete", namespace: namespace)
        writer.element("Quiet", "true")
        for key in keys { writer.element("Object") { $0.element("Key", key) } }
        return writer.bytes()
    }

    /// The body of CompleteMultipartUpload.
    /// - Parameter etags: of the parts, without quotes; the first one is part 1.
    public static func completion(of etags: [String]) -> [UInt8] {
        var writer = XMLWriter(root: "CompleteMultipartUpload", namespace: namespace)
        for (index, etag) in etags.enumerated() {
            writer.element("Part") {
                $0.element("PartNumber", String(index + 1))
                $0.element("ETag", "\"\(etag)\"")
            }
        }
        return writer.bytes()
    }
}

/// How large the parts of an upload are: 900 of one size, and then 900 twice as large, so that 10,000 of them, the
/// most that S3 takes, hold more than its largest object.
public struct S3PartSizes: Sendable, Hashable {
    /// How many parts have the same size before it doubles.
    static let step = 900
    /// The most parts.
    public static let mostParts = 10_000
    /// The least size of a part that isn't the last.
    public static let least: UInt64 = 5 << 20
    /// The most bytes of a part.
    public static let most: UInt64 = 5 << 30
    /// The most bytes of an object.
    public static let largestObject: UInt64 = 5 << 40

    /// The first part's size.
    public let first: UInt64
    /// Whether all have that size: some stores take nothing else.
    public let areEqual: Bool

    /// - Parameters:
    ///   - chunk: the size that is wished for.
    ///   - whole: the object's size, if it is known: then parts are as large as they must be.
    public init(chunk: UInt64, areEqual: Bool, whole: UInt64? = nil) {
        var first = min(max(chunk, Self.least), Self.most)
        if areEqual, let whole {
            let needed = whole / UInt64(Self.mostParts) + 1
            // To a mebibyte, so that it is a size that people recognise.
            if needed > first { first = min((needed / (1 << 20) + 1) << 20, Self.most) }
        }
        self.first = first
        self.areEqual = areEqual
    }

    /// The size of a part by its number, from 1.
    public func size(ofPart number: Int) -> UInt64 {
        if areEqual { return first }
        let doublings = UInt64(max(0, number - 1) / Self.step)
        guard doublings < 16 else { return Self.most }
        return min(first << doublings, Self.most)
    }

    /// How many bytes the first parts hold together.
    public func size(ofFirst count: Int) -> UInt64 {
        if count <= 0 { return 0 }
        return (1...min(count, Self.mostParts)).reduce(0) { $0 + size(ofPart: $1) }
    }
}
