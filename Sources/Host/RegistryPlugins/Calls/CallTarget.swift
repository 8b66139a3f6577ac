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
}

/// The operations of all tables.
enum CallOperation: UInt8 {
    case getContent, putContent, openReader, openWriter, stat, list, move, remove, redirect
    case walk, copy, removeBatch, checksum
    case read, write, writeFile, sync, commit, cancel
    case start, health, drain, stop, create, validate, schema
    /// A sequence of calls on a worker thread.
    case worker
    case close

    /// Whether a call belongs to an instance's end, which must not be refused for want of room.
    var isEnding: Bool { self == .drain || self == .stop }

    /// Whether a call may move as much as a whole object holds, and so take its time.
    @inline(__always)
    var isTransfer: Bool {
        switch self {
        case .write, .writeFile, .commit, .sync, .move, .copy, .remove, .removeBatch, .checksum, .create, .start,
            .stop:
            true
        default: false
        }
    }
}
