import Foundation
import TestSupport

/// An image in a directory, in the OCI image layout.
struct OCILayout: Sendable {
    let path: String

    init(path: String) throws {
        guard FileManager.default.fileExists(atPath: path + "/oci-layout") else {
            throw DidNotHappen(description: "no OCI layout at \(path)")
        }
        self.path = path
    }

    /// What a descriptor says of the content it names.
    struct Described: Sendable, Equatable {
        let mediaType: String
        let digest: String
        let size: Int

        var json: String { #""mediaType":"\#(mediaType)","digest":"\#(digest)","size":\#(size)"# }
    }

    /// The one image or index that `index.json` names.
    func index() throws -> Described {
        let data = try Data(contentsOf: URL(fileURLWithPath: path + "/index.json"))
        let json = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        guard
            let entry = (json?["manifests"] as? [[String: Any]])?.first, let type = entry["mediaType"] as? String,
            let digest = entry["digest"] as? String, let size = entry["size"] as? Int
        else { throw DidNotHappen(description: "no descriptor in \(path)/index.json") }
        return Described(mediaType: type, digest: digest, size: size)
    }

    /// The hexadecimal digests of all its blobs, sorted.
    func blobNames() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path + "/blobs/sha256").sorted()
    }

    /// The hexadecimal digest of its largest blob, which is a layer.
    func largestBlobName() throws -> String {
        func size(of name: String) throws -> Int {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(path)/blobs/sha256/\(name)")
            return attributes[.size] as? Int ?? 0
        }
        let sizes = try blobNames().map { (name: $0, size: try size(of: $0)) }
        guard let largest = sizes.max(by: { $0.size < $1.size }) else {
            throw DidNotHappen(description: "no blobs in \(path)")
        }
        return largest.name
    }

    /// Writes an image for amd64 and arm64 whose layers are gzipped tar files of random content.
    ///
    /// - Parameter armSizes: The sizes of the layers for arm64; those of amd64 when `nil`.
    static func multiArchitecture(
        in path: String, layerSizes: [Int], armSizes: [Int]? = nil
    ) async throws -> OCILayout {
        try FileManager.default.createDirectory(atPath: path + "/blobs/sha256", withIntermediateDirectories: true)
        try Data(#"{"imageLayoutVersion":"1.0.0"}"#.utf8).write(to: URL(fileURLWithPath: path + "/oci-layout"))
        let layout = try OCILayout(path: path)
        var manifests: [String] = []
        for (architecture, sizes) in [("amd64", layerSizes), ("arm64", armSizes ?? layerSizes)] {
            let manifest = try await layout.addImage(architecture: architecture, layerSizes: sizes)
            manifests.append(#"{\#(manifest.json),"platform":{"architecture":"\#(architecture)","os":"linux"}}"#)
        }
        let index = try await layout.add(
            #"{"schemaVersion":2,"mediaType":"\#(indexType)","manifests":[\#(manifests.joined(separator: ","))]}"#,
            mediaType: indexType)
        let top = #"{"schemaVersion":2,"manifests":[{\#(index.json)}]}"#
        try Data(top.utf8).write(to: URL(fileURLWithPath: path + "/index.json"))
        return layout
    }

    /// Lets buildah build an image for two architectures, several layers each, one of them large, and write it as a layout.
    static func builtByBuildah(in directory: TemporaryDirectory, largeLayer: Int) async throws -> OCILayout {
        let layout = directory.path("built")
        let script = """
            set -eu
            b="buildah --root $PWD/images --runroot $PWD/run --storage-driver vfs"
            head -c \(largeLayer) /dev/urandom > large
            $b manifest create list >/dev/null
            for arch in amd64 arm64; do
                head -c 3000 /dev/urandom > small
                printf 'FROM scratch\\nCOPY small /small\\nCOPY Containerfile /readme\\n' > Containerfile
                [ $arch = amd64 ] && printf 'COPY large /large\\n' >> Containerfile
                $b build --quiet --layers --arch $arch --manifest list . >/dev/null
            done
            $b manifest push --all list oci:\(layout):image >/dev/null
            """
        try await Command.run(
            "bash", ["-c", script], directory: directory.path, timeout: .seconds(240)
        ).checked()
        return try OCILayout(path: layout)
    }

    private static let indexType = "application/vnd.oci.image.index.v1+json"

    private func addImage(architecture: String, layerSizes: [Int]) async throws -> Described {
        var layers: [Described] = []
        var contents: [String] = []
        for (number, size) in layerSizes.enumerated() {
            let (layer, content) = try await addLayer(named: "\(architecture)-\(number)", size: size)
            layers.append(layer)
            contents.append(#""\#(content)""#)
        }
        let configuration = try await add(
            """
            {"architecture":"\(architecture)","os":"linux","config":{"Cmd":["/file"]},\
            "rootfs":{"type":"layers","diff_ids":[\(contents.joined(separator: ","))]}}
            """,
            mediaType: "application/vnd.oci.image.config.v1+json")
        let list = layers.map { "{\($0.json)}" }.joined(separator: ",")
        return try await add(
            """
            {"schemaVersion":2,"mediaType":"\(ImageManifest.mediaType)",\
            "config":{\(configuration.json)},"layers":[\(list)]}
            """,
            mediaType: ImageManifest.mediaType)
    }

    /// Makes a layer of one file; returns it and the digest of its tar file before compression.
    private func addLayer(named name: String, size: Int) async throws -> (Described, content: String) {
        try await withTemporaryDirectory { directory in
            let script = """
                set -eu
                head -c \(size) /dev/urandom > 'file-\(name)'
                tar --sort=name --owner=0 --group=0 --mtime=@0 -cf layer.tar 'file-\(name)'
                sha256sum layer.tar
                gzip -1 -n layer.tar
                """
            let output = try await Command.run("sh", ["-c", script], directory: directory.path).checked().text
            let layer = try await adopt(
                directory.path("layer.tar.gz"), mediaType: "application/vnd.oci.image.layer.v1.tar+gzip")
            return (layer, content: "sha256:" + output.prefix(64))
        }
    }

    private func add(_ text: String, mediaType: String) async throws -> Described {
        try await withTemporaryDirectory { directory in
            try await adopt(try directory.write(text, to: "blob"), mediaType: mediaType)
        }
    }

    /// Moves a file among the blobs.
    private func adopt(_ file: String, mediaType: String) async throws -> Described {
        let digest = try await sha256(ofFile: file)
        let size = try FileManager.default.attributesOfItem(atPath: file)[.size] as? NSNumber
        try FileManager.default.moveItem(atPath: file, toPath: path + "/blobs/sha256/" + digest.dropFirst(7))
        return Described(mediaType: mediaType, digest: digest, size: size?.intValue ?? 0)
    }
}
