import PluginABI
import RegistryStorage

/// A struct of the ABI whose first member, `struct_size`, says how much of it there is: its tail grows with minor versions
/// of either side.
protocol SizedTable {
    init()
    /// Its size in revision 1, for ever: a plugin of that time passes no more.
    static var firstSize: Int { get }
}

extension moor_error: SizedTable { static var firstSize: Int { 72 } }
extension moor_stat: SizedTable { static var firstSize: Int { 72 } }
extension moor_page: SizedTable { static var firstSize: Int { 40 } }
extension moor_reader: SizedTable { static var firstSize: Int { 88 } }
extension moor_writer: SizedTable { static var firstSize: Int { 96 } }
extension moor_instance: SizedTable { static var firstSize: Int { 80 } }

extension PluginIdentity {
    /// Whether all is there that every plugin has. What came later must be asked for.
    @inline(__always)
    func checkSize<Table: SizedTable>(_ table: UnsafePointer<Table>) throws(StorageError) {
        guard Int(table.statedSize) >= Table.firstSize else {
            throw violation(
                .tableSize, "\(Table.self) has struct_size \(table.statedSize); revision 1 has \(Table.firstSize)")
        }
    }

    /// A table that moves to the host: what both sides know of it; zeroes for what the plugin doesn't.
    func copy<Table: SizedTable>(_ table: UnsafePointer<Table>) throws(StorageError) -> Table {
        try checkSize(table)
        var copy = Table()
        let count = min(Int(table.statedSize), MemoryLayout<Table>.size)
        withUnsafeMutableBytes(of: &copy) {
            $0.copyMemory(from: UnsafeRawBufferPointer(start: UnsafeRawPointer(table), count: count))
        }
        return copy
    }
}

extension UnsafePointer where Pointee: SizedTable {
    /// `struct_size`.
    @inline(__always)
    fileprivate var statedSize: UInt32 { UnsafeRawPointer(self).load(as: UInt32.self) }
}
