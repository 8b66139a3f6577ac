import Crypto
import Glibc

/// A file that may be loaded as a plugin, and the checks that need no code of it to run.
struct PluginFile: Sendable {
    /// The absolute path, links resolved.
    let path: String
    /// The configured digest, 64 hexadecimal digits.
    let sha256: String?
    /// The file that was checked.
    private let identity: Identity

    /// Which file stands at a path, and since when: a write, a rename and a replacement all change it.
    private struct Identity: Equatable {
        let device: dev_t
        let inode: ino_t
        let size: off_t
        let seconds: Int
        let nanoseconds: Int

        init(_ status: stat) {
            device = status.st_dev
            inode = status.st_ino
            size = status.st_size
            seconds = status.st_ctim.tv_sec
            nanoseconds = status.st_ctim.tv_nsec
        }
    }

    /// The last component of the path.
    var name: Substring { path.split(separator: "/").last ?? "" }

    /// Resolves a path and checks the file behind it.
    /// - Throws: `PluginError` with the rule that failed.
    init(path: String, sha256: String?) throws(PluginError) {
        guard let resolved = realpath(path, nil) else {
            throw PluginError(.fileReadable, plugin: path, "can't be opened: \(String(cString: strerror(errno)))")
        }
        self.path = String(cString: resolved)
        free(resolved)
        self.sha256 = sha256?.lowercased()
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw PluginError(.fileReadable, plugin: path, "can't be opened: \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw PluginError(.fileReadable, plugin: path, "is not a regular file")
        }
        guard status.st_mode & S_IWOTH == 0 else {
            throw PluginError(
                .notWorldWritable, plugin: path, "can be written by everybody; forbid it with: chmod o-w \(path)")
        }
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "/"
        try Self.checkDirectory(folder)
        identity = Identity(status)
        try checkELF(descriptor)
        try checkDigest(descriptor)
    }

    /// The dynamic linker opens the path anew, so what was loaded is what was checked only if the same file is still there.
    func requireUnchanged() throws(PluginError) {
        var status = stat()
        guard stat(path, &status) == 0, Identity(status) == identity else {
            throw PluginError(.digestMatches, plugin: path, "was replaced or written while it was being loaded")
        }
    }

    /// Whether only trusted users can put files into a directory.
    static func checkDirectory(_ directory: String) throws(PluginError) {
        var status = stat()
        guard stat(directory, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw PluginError(
                .fileReadable, plugin: directory, "is not a directory that can be read")
        }
        guard status.st_mode & S_IWOTH == 0 else {
            throw PluginError(
                .notWorldWritable, plugin: directory,
                "is a directory that everybody can write; forbid it with: chmod o-w \(directory)")
        }
    }

    private func checkELF(_ descriptor: CInt) throws(PluginError) {
        var header = [UInt8](repeating: 0, count: 20)
        let count = pread(descriptor, &header, header.count, 0)
        guard count == header.count, Array(header[0..<4]) == [0x7f, 0x45, 0x4c, 0x46] else {
            throw PluginError(.elfSharedObject, plugin: path, "is not an ELF file")
        }
        #if arch(x86_64)
            let machine: UInt8 = 62
        #elseif arch(arm64)
            let machine: UInt8 = 183
        #endif
        guard header[4] == 2, header[5] == 1, header[16] == 3, header[17] == 0, header[18] == machine, header[19] == 0
        else {
            throw PluginError(
                .elfSharedObject, plugin: path,
                "is an ELF file, but not a 64-bit shared object for this machine (class \(header[4]), type \(header[16]), "
                    + "machine \(Int(header[19]) << 8 | Int(header[18])))")
        }
    }

    private func checkDigest(_ descriptor: CInt) throws(PluginError) {
        guard let sha256 else { return }
        var hasher = SHA256()
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        var offset: off_t = 0
        while true {
            let count = pread(descriptor, &chunk, chunk.count, offset)
            guard count >= 0 else {
                throw PluginError(.fileReadable, plugin: path, "can't be read: \(String(cString: strerror(errno)))")
            }
            if count == 0 { break }
            hasher.update(data: chunk[0..<count])
            offset += off_t(count)
        }
        let digits = Array("0123456789abcdef".utf8)
        var hex: [UInt8] = []
        for byte in hasher.finalize() { hex += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
        let found = String(decoding: hex, as: UTF8.self)
        guard found == sha256 else {
            throw PluginError(.digestMatches, plugin: path, "has SHA-256 \(found); the configuration wants \(sha256)")
        }
    }
}
