/// What a manifest says of a piece of content that it refers to (OCI image specification, "Content descriptors").
public struct Descriptor: Sendable, Hashable {
    /// What the content is; empty in old documents that do not say.
    public var mediaType: MediaType
    /// The name of the content.
    public var digest: Digest
    /// Bytes of the content, never negative.
    public var size: Int64
    /// Where else the content may be fetched from.
    public var urls: [String]
    /// Free text for people and tools.
    public var annotations: [String: String]
    /// The kind of artifact, exactly as the document gives it.
    public var artifactType: String?
    /// What the content runs on.
    public var platform: Platform?

    /// Describes content.
    public init(
        mediaType: MediaType, digest: Digest, size: Int64, urls: [String] = [], annotations: [String: String] = [:],
        artifactType: String? = nil, platform: Platform? = nil
    ) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        self.urls = urls
        self.annotations = annotations
        self.artifactType = artifactType
        self.platform = platform
    }
}

extension Descriptor {
    /// What an image runs on.
    public struct Platform: Sendable, Hashable {
        /// The processor, in Go's names: `amd64`.
        public var architecture: String
        /// The operating system, in Go's names: `linux`.
        public var os: String
        /// The variant of the processor: `v7`.
        public var variant: String?
        /// The version of the operating system.
        public var osVersion: String?

        /// Describes a platform.
        public init(architecture: String, os: String, variant: String? = nil, osVersion: String? = nil) {
            self.architecture = architecture
            self.os = os
            self.variant = variant
            self.osVersion = osVersion
        }
    }
}
