import CCurl
import Glibc

/// What libcurl calls. The context is the transfer, which the engine keeps as long as its handle is in use; the engine's
/// own for sockets, which outlive transfers.
enum TransferCallbacks {
    static let willSend: shim_prereq_fn = { context, _, _, _, _ in
        transfer(context)?.willSend() == true ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
    }

    static let read: shim_transfer_fn = { bytes, size, count, context in
        guard let transfer = transfer(context), let bytes else { return Int(CURL_READFUNC_ABORT) }
        return transfer.send(into: UnsafeMutableRawBufferPointer(start: bytes, count: size &* count))
    }

    static let seek: shim_seek_fn = { context, offset, origin in
        guard origin == SEEK_SET, transfer(context)?.rewind(to: Int64(offset)) == true else {
            return CURL_SEEKFUNC_FAIL
        }
        return CURL_SEEKFUNC_OK
    }

    static let header: shim_transfer_fn = { bytes, size, count, context in
        guard let transfer = transfer(context), let bytes else { return 0 }
        let line = UnsafeRawBufferPointer(start: bytes, count: size &* count)
        // Anything but the count of the bytes ends the transfer.
        return transfer.receive(headerLine: line) ? line.count : 0
    }

    static let write: shim_transfer_fn = { bytes, size, count, context in
        guard let transfer = transfer(context), let bytes else { return 0 }
        let part = UnsafeRawBufferPointer(start: bytes, count: size &* count)
        if part.isEmpty { return 0 }
        switch transfer.receive(part) {
        case .taken: return part.count
        case .later: return Int(CURL_WRITEFUNC_PAUSE)
        case .end: return 0
        }
    }

    static let openSocket: shim_open_fn = { context, _, address in
        guard let transfer = transfer(context), let address else { return CURL_SOCKET_BAD }
        return transfer.makeSocket(address)
    }

    static let closeSocket: shim_close_fn = { context, socket in
        guard let context else { return close(socket) }
        return Unmanaged<EngineSockets>.fromOpaque(context).takeUnretainedValue().close(socket)
    }

    private static func transfer(_ context: UnsafeMutableRawPointer?) -> Transfer? {
        context.map { Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
    }
}
