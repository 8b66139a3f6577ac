import ObjectStoreKit
import PluginKit
import Synchronization

/// Amazon's addresses, read anew again and again. Until they were read once, nobody has one of them.
final class RefreshedAddresses: Sendable {
    private let options: CloudFrontOptions
    private let engine: HTTPEngine
    private let host: Host
    private let known = Mutex(AddressSet())
    private let task = Mutex<Task<Void, Never>?>(nil)

    /// Begins to read them.
    init(_ options: CloudFrontOptions, _ host: Host) throws(PluginError) {
        self.options = options
        self.host = host
        engine = HTTPEngine(HTTPConfiguration(driver: "cloudfront"), host: host)
        do throws(StoreError) { try engine.start() } catch { throw error.pluginError }
        let work = Task(executorPreference: HostExecutor(host)) { await self.keepFresh() }
        task.withLock { $0 = work }
    }

    func contains(_ address: String) -> Bool { known.withLock { $0.contains(address) } }

    func stop() async {
        let work = task.withLock { $0 }
        work?.cancel()
        await engine.stop()
        await work?.value
    }

    private func keepFresh() async {
        while !Task.isCancelled {
            let wait = await refresh() ? options.updateNanoseconds : min(options.updateNanoseconds, 60_000_000_000)
            do { try await host.timer.sleep(nanoseconds: wait) } catch { return }
        }
    }

    /// Whether they could be read; else those read before stay.
    private func refresh() async -> Bool {
        var request = HTTPRequest("GetAddressRanges", .get, options.ranges.endpoint, path: options.ranges.path)
        request.responseLimit = 16 << 20
        request.maximumRedirects = 3
        do throws(StoreError) {
            let response = try await engine.send(request, .after(milliseconds: 60_000))
            guard response.isSuccess else { throw StoreError(response, operation: request.operation) }
            let read = try AWSAddressRanges.parse(
                response.body, regions: options.filter == .awsregion ? options.regions : nil)
            known.withLock { $0 = read }
            return true
        } catch {
            if !Task.isCancelled {
                host.log.write(
                    .warning, "the list of Amazon's addresses can't be read; clients are sent to CloudFront meanwhile",
                    [("url", options.ranges.endpoint.url + options.ranges.path), ("error", error.message)])
            }
            return false
        }
    }
}
