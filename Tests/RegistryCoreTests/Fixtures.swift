import Logging
import NIOCore
import RegistryModel
import RegistryStorage
import Synchronization
import TestSupport
import Testing

@testable import RegistryCore

extension Registry {
    /// A registry over a storage, with deletion on and a secret that others can share.
    convenience init(
        _ storage: TestStorage, secret: String = "shared", _ change: (inout RegistrySettings) -> Void = { _ in }
    ) {
        var settings = RegistrySettings()
        settings.deleteEnabled = true
        settings.secret = secret
        change(&settings)
        self.init(driver: storage, settings: settings, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }
}

extension UploadBody {
    /// A body that comes in one batch per text.
    static func text(_ parts: String..., length isKnown: Bool = true) -> UploadBody {
        let rest = Mutex(parts.filter { !$0.isEmpty }.map { ByteBuffer(string: $0) })
        let total = UInt64(parts.reduce(0) { $0 + $1.utf8.count })
        return UploadBody(length: isKnown ? total : nil) {
            rest.withLock { $0.isEmpty ? nil : [$0.removeFirst()] }
        }
    }

    static var empty: UploadBody { UploadBody(length: 0) { nil } }

    /// A body whose client goes away after some bytes.
    static func broken(after text: String, of length: UInt64) -> UploadBody {
        let rest = Mutex<ByteBuffer?>(ByteBuffer(string: text))
        return UploadBody(length: length) {
            guard let next = rest.withLock({ $0.take() }) else { throw ClientGone() }
            return [next]
        }
    }

    struct ClientGone: Error {}
}

extension UploadReference {
    init(_ name: RepositoryName, _ progress: UploadProgress, token: Bool = true) {
        self.init(name: name, id: progress.id, token: token ? progress.token : nil)
    }
}

/// How a storage keeps the bytes of an upload between requests.
enum Keeping: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case asObjects = "bytes kept as an object"
    case suspended = "bytes kept by a writer"
    case adopted = "bytes kept by a writer, which can publish them elsewhere"
    case unnamed = "bytes kept as an object without a tag"

    var testDescription: String { rawValue }

    func storage() -> TestStorage {
        let capabilities =
            switch self {
            case .asObjects, .unnamed: TestStorage.able
            case .suspended: TestStorage.suspending
            case .adopted: TestStorage.suspending.union(.adopt)
            }
        return TestStorage(capabilities: capabilities, namesWriters: self != .unnamed)
    }
}

func name(_ text: String) throws -> RepositoryName { try RepositoryName(text) }

func digest(of text: String, _ algorithm: RegistryModel.Digest.Algorithm = .sha256) -> RegistryModel.Digest {
    ContentHasher.digest(algorithm, of: ByteBuffer(string: text))
}

/// The error that a use case ends with; nil if it succeeds.
func failure(_ body: () async throws -> Void) async -> RegistryError? {
    do {
        try await body()
        return nil
    } catch let error as RegistryError {
        return error
    } catch {
        Issue.record("not a RegistryError: \(error)")
        return nil
    }
}

extension Registry {
    /// The bytes of a blob as text.
    func text(_ name: RepositoryName, _ digest: RegistryModel.Digest, range: BlobRange? = nil) async throws -> String {
        switch try await blob(name, digest, range: range).source {
        case .bytes(let bytes): return String(buffer: bytes)
        case .reader(let reader):
            defer { reader.close() }
            var bytes = ByteBuffer()
            while var chunk = try await reader.next(upTo: 65_536) { bytes.writeBuffer(&chunk) }
            return String(buffer: bytes)
        }
    }

    /// Pushes a blob in one request.
    @discardableResult
    func push(_ text: String, to name: RepositoryName) async throws -> RegistryModel.Digest {
        let digest = digest(of: text)
        try await push(.text(text), digest, to: name)
        return digest
    }

    /// Mounts for a client that may read everything.
    func mount(_ digest: RegistryModel.Digest, from source: RepositoryName?, to target: RepositoryName) async throws
        -> Bool
    {
        try await mount(digest, from: source, to: target, mayPull: { _ in true })
    }

    /// Pushes blob by blob, then the manifest.
    @discardableResult
    func push(_ image: Image, to name: RepositoryName, tag: String) async throws -> RegistryModel.Digest {
        for blob in image.blobs { try await push(blob, to: name) }
        return try await put(image.manifest, to: name, .tag(Tag(tag)))
    }

    @discardableResult
    func put(
        _ manifest: String, to name: RepositoryName, _ reference: Reference, type: MediaType = .ociManifest
    ) async throws -> RegistryModel.Digest {
        try await putManifest(name, reference, contentType: type, ByteBuffer(string: manifest)).digest
    }
}

/// An image of one config and some layers.
struct Image: Sendable {
    let layers: [String]
    let note: String

    init(layers: [String] = ["layer"], note: String = "") {
        self.layers = layers
        self.note = note
    }

    var config: String { "{}" }
    var blobs: [String] { [config] + layers }
    var digest: RegistryModel.Digest { RegistryCoreTests.digest(of: manifest) }

    var manifest: String {
        let layers = layers.map { Self.descriptor("application/vnd.oci.image.layer.v1.tar", $0) }
        return """
            {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":\
            \(Self.descriptor("application/vnd.oci.image.config.v1+json", config)),\
            "layers":[\(layers.joined(separator: ","))],"annotations":{"note":"\(note)"}}
            """
    }

    static func descriptor(_ type: String, _ content: String, _ more: String = "") -> String {
        let digest = RegistryCoreTests.digest(of: content)
        return #"{"mediaType":"\#(type)","digest":"\#(digest)","size":\#(content.utf8.count)\#(more)}"#
    }

    static func index(_ children: [String]) -> String {
        let list = children.map { descriptor("application/vnd.oci.image.manifest.v1+json", $0) }
        return """
            {"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json",\
            "manifests":[\(list.joined(separator: ","))]}
            """
    }
}
