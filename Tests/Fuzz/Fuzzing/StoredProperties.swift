import NIOCore
import RegistryModel
import RegistryStorage
import TestSupport

/// What holds for a storage after any requests.
struct StoredProperties {
    private let storage: TestStorage

    init(_ storage: TestStorage) { self.storage = storage }

    func check(isReadOnly: Bool) throws {
        try hold(storage.violations.isEmpty, "calls that the contract forbids: \(storage.violations.prefix(3))")
        let objects = storage.objects
        for (path, bytes) in objects {
            try checkPath(path)
            let parts = path.split(separator: "/")
            if parts.starts(with: ["docker", "registry", "v2", "blobs"]) {
                let digest = "\(parts[4]):\(parts[6])"
                let found = Contents.digest(of: Array(bytes.readableBytesView), like: digest)
                try hold(found == digest, "\(path) holds something else")
            } else if path.hasSuffix("/link") {
                let target = try? Digest(String(buffer: bytes))
                try hold(target != nil, "\(path) is no link")
                guard let target, path.hasSuffix("/current/link") else { continue }
                let data = RegistryLayout.blobData(target).string
                try hold(objects[data] != nil, "\(path) leads nowhere")
            }
        }
        for path in storage.suspendedPaths { try checkPath(path) }
        guard isReadOnly else { return }
        try hold(objects.count == Contents.storage().objects.count, "a read-only registry has written")
    }

    private func checkPath(_ path: String) throws {
        try hold((try? StoragePath(path)) != nil, "not a path of the storage: \(path)")
        let parts = path.split(separator: "/").map(String.init)
        if parts.first == "mooring" { return try hold(parts.count > 1, "not in the layout: \(path)") }
        try hold(parts.starts(with: ["docker", "registry", "v2"]), "outside the layout: \(path)")
        let rest = Array(parts.dropFirst(3))
        switch rest.first {
        case "blobs":
            try hold(rest.count == 5 && rest[4] == "data" && isDigest(rest[1], rest[3]), "not in the layout: \(path)")
            try hold(rest[3].hasPrefix(rest[2]) && rest[2].count == 2, "not in the layout: \(path)")
        case "repositories":
            try checkRepository(Array(rest.dropFirst()), path)
        default: throw Violation("not in the layout: \(path)")
        }
    }

    private func checkRepository(_ parts: [String], _ path: String) throws {
        let end = parts.firstIndex { $0.hasPrefix("_") } ?? parts.endIndex
        let name = parts[..<end].joined(separator: "/")
        try hold((try? RepositoryName(name)) != nil, "no name of a repository: \(path)")
        let rest = Array(parts[end...])
        let isKnown =
            switch rest.first {
            case "_layers": rest.count == 4 && isDigest(rest[1], rest[2]) && rest[3] == "link"
            case "_uploads":
                rest.count >= 3 && UploadID(rest[1]) != nil
                    && (["data", "startedat"].contains(rest[2]) || rest[2] == "hashstates"
                        || rest[2].hasPrefix(RegistryLayout.sealedPrefix))
            case "_manifests": isManifests(rest)
            default: false
            }
        try hold(isKnown, "not in the layout: \(path)")
    }

    private func isManifests(_ rest: [String]) -> Bool {
        guard rest.count >= 5, rest.last == "link" else { return false }
        if rest[1] == "revisions" { return rest.count == 5 && isDigest(rest[2], rest[3]) }
        guard rest[1] == "tags", (try? Tag(rest[2])) != nil else { return false }
        if rest[3] == "current" { return rest.count == 5 }
        return rest[3] == "index" && rest.count == 7 && isDigest(rest[4], rest[5])
    }

    private func isDigest(_ algorithm: String, _ hex: String) -> Bool { (try? Digest("\(algorithm):\(hex)")) != nil }
}
