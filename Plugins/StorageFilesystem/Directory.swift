import Glibc
import PluginKit

/// An open directory, and what of its path was made for it and isn't durable yet.
struct Directory: ~Copyable {
    let descriptor: OwnedDescriptor
    /// Length of the part of the path that stood before; nil if all of it did.
    let existingLength: Int?

    /// Makes the entries of the directory durable, and those of the directories made on the way to it.
    /// - Parameter earlier: as `existingLength`, for what was made before this directory was opened.
    func sync(root: Int32, relative: UnsafeRawBufferPointer, earlier: Int? = nil) throws(PluginError) {
        guard fsync(descriptor.raw) == 0 else { throw posixError("syncing a directory") }
        guard let length = shorter(existingLength, earlier) else { return }
        try syncAncestors(root: root, of: relative, from: length)
    }
}

/// The less of two lengths of which either may be missing.
func shorter(_ a: Int?, _ b: Int?) -> Int? {
    if let a, let b { return min(a, b) }
    return a ?? b
}

/// Syncs each directory of a path from the one whose path has `existing` bytes down to the last but one.
func syncAncestors(root: Int32, of relative: UnsafeRawBufferPointer, from existing: Int) throws(PluginError) {
    var length = existing
    while length < relative.count {
        try syncDirectory(root, UnsafeRawBufferPointer(rebasing: relative[..<length]))
        let next = relative[min(length + 1, relative.count)...].firstIndex(of: UInt8(ascii: "/"))
        length = next ?? relative.count
    }
}

/// Syncs a directory; one that somebody else has removed since, with all that was put there, needs it no more.
func syncDirectory(_ root: Int32, _ relative: UnsafeRawBufferPointer) throws(PluginError) {
    do throws(PluginError) {
        let descriptor = try openDirectory(root, relative)
        guard fsync(descriptor.raw) == 0 else { throw posixError("syncing a directory") }
    } catch {
        if error.code != .notFound { throw error }
    }
}

/// Opens a directory by its path below the root.
func openDirectory(_ root: Int32, _ relative: UnsafeRawBufferPointer) throws(PluginError) -> OwnedDescriptor {
    try withCPath(relative) { path throws(PluginError) in
        let descriptor = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw posixError("opening a directory") }
        return OwnedDescriptor(descriptor)
    }
}

/// Opens a directory and makes it where it is missing.
func makeDirectory(_ root: Int32, _ relative: UnsafeRawBufferPointer) throws(PluginError) -> Directory {
    try withCPath(relative) { path throws(PluginError) in
        var existing: Int?
        // A cancelled writer may remove a directory between our making and opening it.
        for _ in 0..<64 {
            let descriptor = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            if descriptor >= 0 {
                return Directory(descriptor: OwnedDescriptor(descriptor), existingLength: existing)
            }
            guard errno == ENOENT else { throw creationError("opening a directory") }
            let found = try makePath(root, path, relative.count)
            existing = min(existing ?? found, found)
        }
        throw PluginError(.busy, "the directory is being removed again and again", noEffect: true)
    }
}

/// Makes the missing directories of a path; returns the length of the part that stood before. The text is changed and
/// restored on the way.
private func makePath(
    _ root: Int32, _ path: UnsafeMutablePointer<CChar>, _ count: Int
) throws(PluginError) -> Int {
    let slash = CChar(UInt8(ascii: "/"))
    /// Makes the first `length` bytes.
    func make(_ length: Int) -> Int32 {
        let kept = path[length]
        path[length] = 0
        defer { path[length] = kept }
        return mkdirat(root, path, 0o777) == 0 ? 0 : errno
    }
    var length = count
    var outcome = make(length)
    while outcome == ENOENT {
        guard let above = (1..<length).last(where: { path[$0] == slash }) else {
            throw PluginError(.unavailable, "the root directory is gone", noEffect: true)
        }
        length = above
        outcome = make(length)
    }
    guard outcome == 0 || outcome == EEXIST else { throw creationError("making a directory", errno: outcome) }
    let existing = outcome == EEXIST ? length : (1..<length).last(where: { path[$0] == slash }) ?? 0
    while length < count {
        let above = length
        length = ((length + 1)..<count).first(where: { path[$0] == slash }) ?? count
        outcome = make(length)
        if outcome == ENOENT { break }  // removed meanwhile: the caller tries again
        guard outcome == 0 || outcome == EEXIST else {
            removeEmptyDirectories(root, UnsafeRawBufferPointer(start: path, count: above), downTo: existing)
            throw creationError("making a directory", errno: outcome)
        }
    }
    return existing
}

/// Removes the directories of a path that are empty, from the last up to, not including, the one with `existing` bytes.
func removeEmptyDirectories(_ root: Int32, _ relative: UnsafeRawBufferPointer, downTo existing: Int) {
    var length = relative.count
    while length > existing, length > 0 {
        let part = UnsafeRawBufferPointer(rebasing: relative[..<length])
        let outcome = try? withCPath(part) { path throws(PluginError) in unlinkat(root, path, AT_REMOVEDIR) }
        guard outcome == 0 else { return }
        length = parentLength(part)
    }
}
