import Glibc
import PluginABI
import RegistryStorage

/// Something with operations of a plugin: its tables. It knows how to make the call that a slot describes.
protocol CallTarget: AnyObject, Sendable {
    /// Whose it is.
    var identity: PluginIdentity { get }
    /// How it wants to be called.
    var policy: ExecutionPolicy { get }
    /// Calls the plugin once with the slot's arguments, or completes the slot with an error.
    func perform(_ slot: CallSlot)
    /// Takes back what a completion brought after everybody had stopped waiting.
    func discard(_ outcome: CallOutcome)
}

extension CallTarget {
    func discard(_ outcome: CallOutcome) { outcome.releaseUnclaimed() }
}

/// What a completion brought.
enum CallOutcome {
    case void
    case buffer(moor_buf)
    case number(UInt64)
    case stat(StorageStat)
    case page(StoragePage)
    case reader(moor_reader, etag: String)
    case writer(moor_writer, token: [UInt8])
    case codes([StorageError.Code?])
    case instance(moor_instance)
    case failure(StorageError, number: UInt64)

    /// Gives back moved objects that nobody will use.
    func releaseUnclaimed() {
        switch self {
        case .buffer(let buffer): buffer.release?(buffer.release_ctx)
        case .reader(let reader, _):
            if reader.fd >= 0 { close(reader.fd) }
            reader.close_reader?(reader.obj)
        case .writer(let writer, _): writer.close_writer?(writer.obj)
        case .instance(let instance): instance.destroy?(instance.obj)
        default: break
        }
    }
}

/// The operations of all tables.
enum CallOperation: UInt8 {
    case getContent, putContent, openReader, openWriter, stat, list, move, remove, redirect
    case walk, copy, removeBatch, checksum
    case read, write, sync, commit, cancel
    case start, health, drain, stop, create, validate, schema
    /// A sequence of calls on a worker thread.
    case worker
}
