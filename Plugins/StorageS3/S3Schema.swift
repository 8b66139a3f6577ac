/// The JSON Schema of the driver's options.
enum S3Schema {
    static let storageClasses = [
        "STANDARD", "NONE", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "OUTPOSTS",
        "GLACIER_IR", "EXPRESS_ONEZONE",
    ]

    static let acls = [
        "private", "public-read", "public-read-write", "authenticated-read", "aws-exec-read", "bucket-owner-read",
        "bucket-owner-full-control", "none", "",
    ]

    static let logLevels = [
        "off", "debug", "debugwithsigning", "debugwithhttpbody", "debugwithrequestretries", "debugwithrequesterrors",
        "debugwitheventstreambody",
    ]

    static let text = """
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "title": "s3",
          "description": "Objects in a bucket of Amazon S3 or of a store that speaks its protocol.",
          "type": "object",
          "additionalProperties": false,
          "required": ["bucket"],
          "properties": {
        \(properties.joined(separator: ",\n"))
          }
        }
        """

    private static let properties = place + identity + objects + sizes + connection

    private static let place = [
        string("bucket", "The bucket. It must exist.", example: "registry"),
        string(
            "region", "The bucket's region. Required, but with regionendpoint, where it is us-east-1 then.",
            example: "eu-central-1"),
        string(
            "regionendpoint", "The URL of a store that isn't Amazon's: MinIO, Ceph, R2, SeaweedFS.",
            example: "https://store.example.com:9000"),
        flag("forcepathstyle", "Put the bucket into the path of URLs and not into the host's name.", false),
        string("rootdirectory", "What stands before every key.", example: "registry/production"),
        flag("secure", "Use TLS, where regionendpoint has no scheme.", true),
        flag("usedualstack", "Use Amazon's endpoints that have IPv6 too.", false),
        flag("usefipsendpoint", "Use Amazon's endpoints with FIPS 140 cryptography.", false),
        flag("accelerate", "Use Amazon's Transfer Acceleration.", false),
    ]

    private static let identity = [
        string(
            "accesskey", "The id of an access key. Without it: environment, shared files, web identity, container, EC2."
        ),
        string("secretkey", "The secret of the access key."),
        string("sessiontoken", "The token that comes with temporary keys."),
        string("profile", "The profile of the shared files that is used without accesskey. Else AWS_PROFILE says it."),
        flag("v4auth", "Sign with version 4. There is no other.", true),
    ]

    private static let objects = [
        flag("encrypt", "Let the store encrypt objects: with its own key, or with keyid.", false),
        string("keyid", "The KMS key that encrypts."),
        string(
            "storageclass", "The storage class of objects: \(storageClasses.joined(separator: ", ")). NONE says none.",
            default: "STANDARD"),
        string("objectacl", "The canned ACL of objects; none for buckets without ACLs.", default: "private"),
        #"    "loglevel": {"description": "Taken for Distribution's sake: log.level decides what is logged.", "#
            + #""type": ["string", "boolean"], "default": "off"}"#,
    ]

    private static let sizes = [
        number(
            "chunksize",
            "Bytes of the first 900 parts of an upload, then twice as many and so on; an upload up to this size is one request.",
            10_485_760, 5_242_880...5_368_709_120),
        flag("equalparts", "Give all parts of an upload but the last the same size, as R2 wants it.", false),
        number("uploadconcurrency", "How many parts of one upload are on their way at once.", 4, 1...256),
        number(
            "uploadmemory", "Bytes that parts on their way may take together before uploads wait.",
            268_435_456, 5_242_880...1_099_511_627_776),
        number("multipartcopychunksize", "Bytes of each part of a large copy.", 33_554_432, 5_242_880...5_368_709_120),
        number("multipartcopymaxconcurrency", "How many parts of one copy are made at once.", 100, 1...10_000),
        number(
            "multipartcopythresholdsize", "Up to this size an object is copied by one request.",
            33_554_432, 0...5_368_709_120),
    ]

    private static let connection = [
        string(
            "redirectendpoint", "Scheme and host of the URLs that clients are sent to.",
            example: "https://blobs.example.com"),
        flag("skipverify", "Don't verify the server's certificate.", false),
        string(
            "cafile", "A PEM file of certificates to trust instead of the system's.",
            example: "/etc/ssl/private-ca.pem"),
        string("useragent", "What the driver calls itself to the store."),
        number(
            "maxconnections", "The most connections to the store for requests other than downloads.", 64, 1...10_000),
        number("maxattempts", "How often a request is tried.", 5, 1...20),
        number("connecttimeout", "Seconds until a connection must be there.", 10, 1...3600),
        number("responsetimeout", "Seconds until an answer must begin.", 60, 1...3600),
    ]

    private static func string(
        _ name: String, _ description: String, default value: String? = nil, example: String? = nil
    ) -> String {
        let value = value.map { ", \"default\": \"\($0)\"" } ?? ""
        let example = example.map { ", \"examples\": [\"\($0)\"]" } ?? ""
        return "    \"\(name)\": {\"description\": \"\(description)\", \"type\": \"string\"\(value)\(example)}"
    }

    private static func flag(_ name: String, _ description: String, _ value: Bool) -> String {
        "    \"\(name)\": {\"description\": \"\(description)\", \"type\": [\"boolean\", \"string\"], \"default\": \(value)}"
    }

    private static func number(
        _ name: String, _ description: String, _ value: Int, _ range: ClosedRange<Int>
    ) -> String {
        "    \"\(name)\": {\"description\": \"\(description)\", \"type\": [\"integer\", \"string\"], "
            + "\"minimum\": \(range.lowerBound), \"maximum\": \(range.upperBound), \"default\": \(value)}"
    }
}
