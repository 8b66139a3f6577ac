import PluginABI
import RegistryStorage

extension PluginStorageDriver {
    /// Makes the C call that a slot describes. What the table lacks is refused for the whole stack, never bypassed, unless
    /// a middleware says that bypassing it is harmless.
    func perform(_ slot: CallSlot) {
        guard own >> UInt64(slot.operation.rawValue) & 1 != 0 else {
            if let bypass, bypass.offers(slot.operation) { return bypass.perform(slot) }
            let error = StorageError(
                .unsupported, "\(slot.operation) is not implemented, so it is refused", driver: name)
            return slot.fail(error)
        }
        let (obj, call, given) = (table.obj, slot.call, slot.arguments)
        switch given.operation {
        case .getContent: table.get_content?(obj, call, given.path, given.number1, doneBuffer)
        case .putContent: table.put_content?(obj, call, given.path, given.bytes, given.condition, doneStat)
        case .openReader:
            table.open_reader?(obj, call, given.path, given.number1, given.number2, 0, doneReader)
        case .openWriter:
            table.open_writer?(
                obj, call, given.path, given.flags, given.number1, given.bytes, given.number2, doneWriter)
        case .stat: table.stat_path?(obj, call, given.path, doneStat)
        case .list: table.list_page?(obj, call, given.path, given.bytes, given.flags, donePage)
        case .walk: table.walk_page?(obj, call, given.path, given.bytes, given.flags, donePage)
        case .move: table.move_path?(obj, call, given.path, given.path2, given.condition, doneVoid)
        case .remove: table.remove_path?(obj, call, given.path, given.flags, doneVoid)
        case .copy: table.copy_path?(obj, call, given.path, given.path2, given.condition, doneStat)
        case .checksum: table.checksum_path?(obj, call, given.path, given.path2, doneBuffer)
        case .redirect, .removeBatch: performWithStructure(slot, call)
        default:
            slot.fail(StorageError(.internal, "\(slot.operation) is not a storage operation"))
        }
    }

    private func performWithStructure(_ slot: CallSlot, _ call: UnsafePointer<moor_call>) {
        if slot.operation == .redirect, let request = slot.redirectRequest {
            table.redirect_url?(table.obj, call, request, doneBuffer)
        } else if let paths = slot.pathList {
            table.remove_batch?(table.obj, call, paths, slot.arguments.partCount, doneItems)
        }
    }
}

extension moor_storage {
    /// Bit n: the n-th operation's pointer is there.
    var offeredOperations: UInt64 {
        let pointers = [
            get_content != nil, put_content != nil, open_reader != nil, open_writer != nil, stat_path != nil,
            list_page != nil, move_path != nil, remove_path != nil, redirect_url != nil, walk_page != nil,
            copy_path != nil, remove_batch != nil, checksum_path != nil,
        ]
        return pointers.enumerated().reduce(0) { $0 | ($1.element ? 1 << UInt64($1.offset) : 0) }
    }
}

extension CallSlot {
    /// Fills the memory that `redirect_url` reads.
    func prepareRedirect(_ request: StorageRedirect) {
        let place = allocate(MemoryLayout<moor_redirect_req>.size, alignment: 8)
            .bindMemory(to: moor_redirect_req.self, capacity: 1)
        var value = moor_redirect_req()
        value.struct_size = UInt32(MemoryLayout<moor_redirect_req>.size)
        value.method = request.method.rawValue
        value.path = arguments.path
        value.client_addr = store(request.clientAddress)
        value.user_agent = store(request.userAgent)
        value.ttl_ms = Int64(clamping: arguments.number1)
        value.range_length = .max
        place.initialize(to: value)
        arguments.structure = UnsafeRawPointer(place)
    }

    /// Fills the array that `remove_batch` reads.
    func store(paths: [String]) {
        let place = allocate(max(1, paths.count) * MemoryLayout<moor_str>.stride, alignment: 8)
            .bindMemory(to: moor_str.self, capacity: max(1, paths.count))
        for (index, path) in paths.enumerated() { (place + index).initialize(to: store(path)) }
        arguments.partCount = paths.count
        arguments.structure = UnsafeRawPointer(place)
    }

    var redirectRequest: UnsafePointer<moor_redirect_req>? {
        arguments.structure?.assumingMemoryBound(to: moor_redirect_req.self)
    }

    var pathList: UnsafePointer<moor_str>? {
        arguments.structure?.assumingMemoryBound(to: moor_str.self)
    }
}
