import RegistryModel

/// Documents that the tests begin from.
enum ManifestCorpus {
    static let hex = String(repeating: "0123456789abcdef", count: 4)
    static let digest = "sha256:\(hex)"
    static let config = #"{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"\#(digest)","size":2}"#
    static let layer =
        #"{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"\#(digest)","size":10,"urls":["https://a/b"]}"#
    static let child = """
        {"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"\(digest)","size":3,
         "platform":{"architecture":"arm","os":"linux","variant":"v7","os.version":"1","os.features":["x"]}}
        """

    static let image = """
        {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"Application/X",
         "config":\(config),"layers":[\(layer),\(layer)],"subject":\(child),
         "annotations":{"a":"b","é\\n\\u00e9":"\\ud83d\\ude00 \\ud83d"}, "custom":[1,-2.5e+3,true,false,null,{"x":[]}]}
        """
    static let bareImage = #"{"schemaVersion":2,"config":\#(config),"layers":[]}"#
    static let index = """
        {"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[\(child),\(child)]}
        """
    static let bareIndex = #"{"manifests":[],"schemaVersion":2}"#
    static let dockerImage = """
        {"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json",
         "config":\(config),"layers":[\(layer)]}
        """
    static let dockerList = """
        {"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.list.v2+json","manifests":[\(child)]}
        """
    static let schema1 = #"{"schemaVersion":1,"name":"a","tag":"b","fsLayers":[],"history":[]}"#

    static let all = [image, bareImage, index, bareIndex, dockerImage, dockerList, schema1]

    static func parse(
        _ text: String, _ type: MediaType? = nil, _ validation: Manifest.Validation = .upload
    ) throws(ManifestError) -> Manifest {
        try Manifest(parsing: text.utf8, contentType: type, validation: validation)
    }

    /// The error that reading the text must end with.
    static func error(_ text: String, _ type: MediaType? = nil) -> ManifestError? {
        do {
            _ = try parse(text, type)
            return nil
        } catch {
            return error
        }
    }
}
