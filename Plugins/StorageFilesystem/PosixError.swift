import Glibc
import PluginKit

/// What a failed system call means to the host. Reads `errno`, so it comes first after the call.
///
/// - Parameter what: what was tried, for the operator; a literal, so that the frequent "not found" allocates nothing.
func posixError(_ what: StaticString, errno code: Int32 = errno) -> PluginError {
    switch code {
    case ENOENT, ENOTDIR, ELOOP: return .notFound
    case ENAMETOOLONG:
        return PluginError(.invalidArgument, "a name in the path is longer than 255 bytes", noEffect: true)
    default: break
    }
    let kind: PluginError.Code =
        switch code {
        case EACCES, EPERM, EROFS: .permission
        case ENOSPC, EDQUOT, EFBIG: .noSpace
        case EMFILE, ENFILE, ENOMEM, EAGAIN: .busy
        case EEXIST: .alreadyExists
        case EISDIR, EINVAL: .invalidArgument
        // A disk that fails: another try may hit a mirror, and a server that says 500 is taken for broken.
        case EIO, ESTALE, ENODEV, ENXIO, ETIMEDOUT: .unavailable
        case EXDEV: .unsupported
        default: .internalFailure
        }
    return PluginError(kind, "\(what): \(String(cString: strerror(code)))", osErrno: code)
}

/// As `posixError`, where something was to be made: a file on the way is the caller's mistake and not an absence.
func creationError(_ what: StaticString, errno code: Int32 = errno) -> PluginError {
    switch code {
    case ENOTDIR, ELOOP:
        PluginError(.invalidArgument, "an object stands where the path needs a directory", noEffect: true)
    case EISDIR, ENOTEMPTY: PluginError(.invalidArgument, "a prefix stands at this path", noEffect: true)
    case EEXIST: PluginError(.alreadyExists, "something stands at this path", noEffect: true)
    default: posixError(what, errno: code)
    }
}

/// Repeats a system call that a signal interrupted.
@inline(__always)
func retrying<Result: SignedInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        if result != -1 || errno != EINTR { return result }
    }
}
