import NIOCore
import RegistryModel
import RegistryStorage

extension Registry {
    /// What clients list under the referrers tag of a digest, as canonical digests, ascending. Whether it is there, and
    /// whether it refers to the digest, is still to be checked: two long digests may share a tag, and nobody but the
    /// clients keeps it (OCI Distribution Spec, "Enabling the Referrers API").
    func fallbackReferrers(of subject: Digest, in name: RepositoryName) async throws -> [Digest] {
        let reference = Reference.tag(Tag(referrersOf: subject))
        guard let digest = try await resolve(name, reference),
            let stored = try await loadIfServable(digest),
            let index = try? Manifest(parsing: stored.bytes.readableBytesView, contentType: nil, validation: .stored)
        else { return [] }
        var found: Set<Digest> = []
        for child in index.children {
            if child.digest.algorithm == .sha256 {
                found.insert(child.digest)
            } else if let canonical = try await resolve(name, .digest(child.digest)) {
                found.insert(canonical)
            }
        }
        return found.sorted()
    }
}
