import PluginABI
import RegistryStorage
import TestSupport
import Testing

@testable import RegistryPlugins

/// What the host expects of pages, and of structs whose size isn't its own.
@Suite("Order of pages, size of structs")
struct PageOrderTests {
    private func accepts(_ names: [String], byKey: Bool, after: String = "") -> Bool {
        let path = Array("/w".utf8CString)
        let token = [0] + Array(after.utf8)
        return path.withUnsafeBufferPointer { path in
            token.withUnsafeBufferPointer { token in
                var order = EntryOrder(
                    path: moor_str(ptr: path.baseAddress, len: 2),
                    token: moor_bytes(ptr: token.baseAddress, len: after.isEmpty ? 0 : token.count), isByKey: byKey)
                // The memory of an entry must stay until the next one was asked for.
                let entries = names.map { Array("/w/\($0)".utf8CString) }
                let places = entries.map { entry in
                    let place = UnsafeMutablePointer<CChar>.allocate(capacity: entry.count)
                    place.initialize(from: entry, count: entry.count)
                    return place
                }
                defer { for place in places { place.deallocate() } }
                return zip(places, entries).allSatisfy { order.accepts(moor_str(ptr: $0, len: $1.count - 1)) }
            }
        }
    }

    @Test("A walk goes by segments, or by keys where the driver says so; a listing by names")
    func order() {
        let (bySegment, byKey) = (["foo/x", "foo-bar/x", "foo.bar"], ["foo-bar/x", "foo.bar", "foo/x"])
        #expect(accepts(bySegment, byKey: false))
        #expect(!accepts(byKey, byKey: false))
        #expect(accepts(byKey, byKey: true))
        #expect(!accepts(bySegment, byKey: true))
        #expect(accepts(["foo/x"], byKey: true, after: "foo-bar/x"))
        #expect(!accepts(["foo/x"], byKey: false, after: "foo-bar/x"))
        #expect(accepts(["foo", "foo-bar"], byKey: false))
        #expect(!accepts(["foo-bar", "foo"], byKey: false))
    }

    @Test("A struct of a later minor version is cut, a short one refused, its size being that of revision 1")
    func sizes() throws {
        let identity = PluginIdentity.make(
            name: "sizes", driver: "sizes", violations: ViolationLog(logger: .silent))
        var reader = moor_reader()
        reader.object_size = 7
        for size: UInt32 in [88, 96, 4096] {
            reader.struct_size = size
            let copy = try withUnsafePointer(to: &reader) { try identity.copy($0) }
            #expect(copy.object_size == 7)
        }
        reader.struct_size = 87
        let error = #expect(throws: StorageError.self) {
            try withUnsafePointer(to: &reader) { try identity.copy($0) }
        }
        #expect(error?.message.contains("moor_reader has struct_size 87; revision 1 has 88") == true)
        // What the first revision has is what the header has today. Grows the header, it must not grow with it.
        #expect(moor_error.firstSize == 72 && moor_stat.firstSize == 72 && moor_page.firstSize == 40)
        #expect(moor_writer.firstSize == 96 && moor_instance.firstSize == 80)
        #expect(MemoryLayout<moor_error>.size >= 72 && MemoryLayout<moor_stat>.size >= 72)
        #expect(MemoryLayout<moor_page>.size >= 40 && MemoryLayout<moor_reader>.size >= 88)
        #expect(MemoryLayout<moor_writer>.size >= 96 && MemoryLayout<moor_instance>.size >= 80)
    }
}
