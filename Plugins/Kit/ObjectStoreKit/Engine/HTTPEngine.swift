import CCurl
import Glibc
public import PluginKit

/// The HTTP client of one driver instance: one thread, on which libcurl serves any number of transfers, and the
/// connections it keeps. It makes one attempt and judges nothing; `StoreClient` repeats and judges.
///
/// A transfer ends at once when its task is cancelled, its deadline passes or the engine stops; the connection is closed
/// then. Redirects aren't followed unless a request asks for it. Proxies come from the environment: `http_proxy`,
/// `https_proxy`, `no_proxy`.
public final class HTTPEngine: Sendable {
    let configuration: HTTPConfiguration
    let host: Host
    let metrics: EngineMetrics
    /// The blocks of streams.
    let blocks = BlockPool(blockSize: StreamBuffer.blockSize, kept: 64)
    let counters = EngineCounters()
    private let mailbox = EngineMailbox()
    private let thread = EngineThread()

    /// Does no I/O and has no thread yet; for a driver's initialiser.
    public init(_ configuration: HTTPConfiguration, host: Host) {
        self.configuration = configuration
        self.host = host
        metrics = EngineMetrics(host.metrics, driver: configuration.driver)
    }

    /// Begins, once.
    /// - Throws: `.config` if the file of authorities can't be read.
    public func start() throws(StoreError) {
        if let file = configuration.caFile, access(file, R_OK) != 0 {
            throw StoreError(
                .config, "the file of authorities \(file) can't be read: \(String(cString: strerror(errno)))",
                cause: .tls, noEffect: true)
        }
        guard CurlLibrary.isReady, let multi = curl_multi_init() else {
            throw StoreError(.internalFailure, "libcurl can't be set up", noEffect: true)
        }
        guard mailbox.open(multi) else {
            curl_multi_cleanup(multi)
            throw StoreError(.internalFailure, "the engine was started before", noEffect: true)
        }
        let loop = EngineLoop(multi, mailbox, configuration, counters: counters, metrics: metrics)
        guard thread.begin(loop) else {
            loop.tearDown()
            throw StoreError(.internalFailure, "the system has no thread for the engine", noEffect: true)
        }
    }

    /// One attempt. Every status is a response; the body is at most the request's `responseLimit`.
    public func send(_ request: HTTPRequest, _ deadline: Deadline) async throws(StoreError) -> HTTPResponse {
        switch await run(try makeTransfer(request, deadline, stream: nil)) {
        case .whole(let response): return response
        case .failed(let error): throw error
        case .head: throw StoreError(.internalFailure, "a stream where a response was asked for")
        }
    }

    /// One attempt, whose body is streamed. Every status is a stream.
    public func open(_ request: HTTPRequest, _ deadline: Deadline) async throws(StoreError) -> HTTPStream {
        let buffer = StreamBuffer(blocks)
        let transfer = try makeTransfer(request, deadline, stream: buffer)
        switch await run(transfer) {
        case .head(let status, let headers):
            return HTTPStream(status: status, headers: headers, buffer, transfer, mailbox)
        case .failed(let error): throw error
        case .whole: throw StoreError(.internalFailure, "a response where a stream was asked for")
        }
    }

    /// Ends what is in flight with `.shutdown`, and returns when the thread is gone and all connections are closed.
    public func stop() async {
        mailbox.post(.stop)
        await thread.end()
    }

    deinit {
        // Without a stop before; the thread holds nothing of this object.
        mailbox.post(.stop)
        thread.join()
    }

    private func makeTransfer(
        _ request: HTTPRequest, _ deadline: Deadline, stream: StreamBuffer?
    ) throws(StoreError) -> Transfer {
        if let fault = request.fault {
            throw StoreError(.invalid, "\(request.operation): \(fault)", noEffect: true)
        }
        return Transfer(request, configuration, deadline: deadline, stream: stream)
    }

    private func run(_ transfer: Transfer) async -> TransferOutcome {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                transfer.wait(continuation)
                if !mailbox.post(.start(transfer)) { transfer.resume(.failed(HTTPEngine.stopped)) }
            }
        } onCancel: {
            mailbox.post(.cancel(transfer, HTTPEngine.cancelled))
        }
    }

    static let cancelled = StoreError(.cancelled, "the call was cancelled", cause: .cancelled, noEffect: true)
    private static let stopped = StoreError(.shutdown, "the engine isn't running", noEffect: true)
}

extension HTTPEngine {
    /// How many connections have been made so far.
    public var openedConnections: Int { counters.opened }
    /// How many connections there are.
    public var connections: Int { counters.connections }
    /// How many transfers are queued or under way.
    public var transfersInFlight: Int { counters.live }
}
