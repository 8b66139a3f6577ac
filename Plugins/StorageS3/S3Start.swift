import ObjectStoreKit
import PluginKit

/// What is found out when a driver starts: whether it can work at all, else which option is wrong; and what the store can do
/// that not all can.
struct S3Start: Sendable {
    /// Whoever waits for a server to start wants to know soon.
    private static let patience: Int64 = 30_000
    private let bucket: S3Bucket

    init(_ bucket: S3Bucket) { self.bucket = bucket }

    /// - Returns: capabilities that the store turned out to have.
    func run(_ deadline: Deadline) async throws -> StorageCapabilities {
        let deadline = deadline.sooner(.after(milliseconds: Self.patience))
        try await look(deadline)
        do {
            return try await probe(deadline)
        } catch let error as StoreError where error.kind == .permission {
            bucket.host.log.write(
                .warning, "the bucket can be read but not written: \(error.message)",
                [("bucket", bucket.options.bucket)])
            return []
        } catch {
            throw explain(error)
        }
    }

    /// Looks whether the bucket can be listed.
    func look(_ deadline: Deadline) async throws {
        do {
            _ = try await bucket.credentials.current()
        } catch {
            throw explain(error, at: "accesskey")
        }
        do {
            _ = try await bucket.list(bucket.options.root, limit: 1, deadline)
        } catch {
            throw explain(error)
        }
    }

    // MARK: What the store can do

    /// Conditions are believed only if one that doesn't hold is refused; stores that don't know them write all the same.
    /// The order of keys is looked at too: some stores list folders as a file system does.
    private func probe(_ deadline: Deadline) async throws -> StorageCapabilities {
        let folder = "\(bucket.options.root).probe.\(SuspendedUpload.makeID()).tmp/"
        let (first, second) = (folder + "a-", folder + "a/b")
        var found: StorageCapabilities = []
        do {
            let etag = try await bucket.put(.text("1"), first, deadline)
            _ = try await bucket.put(.text("1"), second, deadline)
            if try await refuses(.absent, first, deadline) { found.insert(.putIfAbsent) }
            let other = EntityTag("00000000000000000000000000000000") ?? EntityTag()
            if !etag.isEmpty, try await refuses(.matches(other), first, deadline) { found.insert(.ifMatch) }
            let keys = try await bucket.list(folder, deadline).objects.map(\.key)
            if keys == [first, second] { found.insert(.walkByKey) }
        } catch {
            await clean([second, first], folder)
            throw error
        }
        await clean([second, first], folder)
        return found
    }

    private func refuses(_ condition: Precondition, _ key: String, _ deadline: Deadline) async throws -> Bool {
        do {
            _ = try await bucket.put(.text("2"), key, if: condition, deadline)
            return false
        } catch let error as StoreError where error.status == 412 {
            return true
        } catch let error as StoreError where [.unsupported, .invalid].contains(error.kind) {
            return false
        }
    }

    /// Removes what was written, with the folders that some stores keep.
    private func clean(_ keys: [String], _ folder: String) async {
        await bucket.uncancelled { bucket in
            let all = keys + [folder + "a/", folder]
            do {
                _ = try await bucket.delete(all, .after(milliseconds: 10_000))
            } catch {
                bucket.host.log.write(.warning, "what the start wrote was not removed", [("key", folder)])
            }
        }
    }

    // MARK: What is wrong

    /// An error as the operator needs it: the option that is wrong, and what the store says.
    private func explain(_ error: any Error, at option: String? = nil) -> any Error {
        guard let error = error as? StoreError else { return error }
        if let option { return PluginError.config(key: option, error.message) }
        if let option = wrongOption(error) { return PluginError.config(key: option, error.message) }
        return error
    }

    private func wrongOption(_ error: StoreError) -> String? {
        let options = bucket.options
        switch error.vendorCode {
        case "NoSuchBucket", "InvalidBucketName", "AllAccessDisabled": return "bucket"
        case "InvalidAccessKeyId", "InvalidToken", "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired":
            return options.credentials == nil
                ? "credentials" : error.vendorCode == "InvalidAccessKeyId" ? "accesskey" : "sessiontoken"
        case "SignatureDoesNotMatch": return options.credentials == nil ? "credentials" : "secretkey"
        case "AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException": return "region"
        case "RequestTimeTooSkewed": return "the clock of this machine"
        case "AccessDenied": return "bucket \(options.bucket)"
        default: break
        }
        switch error.cause {
        case .resolve: return options.hasEndpoint ? "regionendpoint" : "region"
        case .tls: return options.caFile.isEmpty ? "regionendpoint" : "cafile"
        case .connect, .header: return options.hasEndpoint ? "regionendpoint" : "region"
        default: break
        }
        switch error.status {
        case 301, 307, 308: return "region"
        case 404: return "bucket"
        case 403: return "bucket \(options.bucket)"
        default: return error.kind == .corrupt || error.kind == .timeout ? "regionendpoint" : nil
        }
    }
}
