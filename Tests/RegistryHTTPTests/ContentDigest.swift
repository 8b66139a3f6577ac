import NIOCore
import RegistryModel

@testable import RegistryCore

enum ContentDigest {
    static func text(of content: String, _ algorithm: RegistryModel.Digest.Algorithm) -> String {
        ContentHasher.digest(algorithm, of: ByteBuffer(string: content)).description
    }
}
