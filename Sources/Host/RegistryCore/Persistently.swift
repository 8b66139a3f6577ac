import RegistryStorage

/// Does what leaves something behind if it fails, and that nobody would do again: several times, while the storage says that
/// another time may be luckier.
func persistently(_ body: () async throws(StorageError) -> Void) async throws(StorageError) {
    for _ in 1..<6 {
        do throws(StorageError) {
            return try await body()
        } catch {
            guard error.isRetryable, !Task.isCancelled else { throw error }
        }
    }
    try await body()
}
