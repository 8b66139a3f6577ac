import CCurl
import Glibc

/// An engine's thread: the only one that touches libcurl's handles and the transfers that were handed over.
final class EngineLoop {
    let configuration: HTTPConfiguration
    let counters: EngineCounters
    let sockets: EngineSockets
    private let metrics: EngineMetrics
    private let mailbox: EngineMailbox
    private let multi: UnsafeMutableRawPointer
    private let share: UnsafeMutableRawPointer?

    private var queues: TransferQueues
    /// All that haven't ended, queued or active.
    private var live: [ObjectIdentifier: Transfer] = [:]
    private var active: [UnsafeMutableRawPointer: Transfer] = [:]
    private var spareHandles: [CurlHandle] = []
    /// Streams whose readers may have to be served.
    private var attended: [Transfer] = []
    private var nextCheck = Int64.max
    private var isStopping = false
    private var reported = (sent: 0, received: 0)

    /// `multi` moves to the loop. It is in the mailbox already.
    init(
        _ multi: UnsafeMutableRawPointer, _ mailbox: EngineMailbox, _ configuration: HTTPConfiguration,
        counters: EngineCounters, metrics: EngineMetrics
    ) {
        self.multi = multi
        self.mailbox = mailbox
        self.configuration = configuration
        self.counters = counters
        sockets = EngineSockets(counters)
        self.metrics = metrics
        queues = TransferQueues(configuration)
        share = curl_share_init()
        if let share { shim_share_sessions(share) }
        // Idle connections that are kept; how many there are at once is decided by the queues.
        shim_multi_set_long(multi, CURLMOPT_MAXCONNECTS, max(configuration.maximumConnections, 1))
        shim_multi_set_long(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_NOTHING))
    }

    /// Works until it is told to stop.
    func run() {
        shim_name_thread("objectstore")
        while !isStopping {
            for command in mailbox.take() { perform(command) }
            for transfer in queues.admit() { begin(transfer) }
            advance()
            let now = MonotonicClock.now()
            if now >= nextCheck { check(now) }
            serveReaders(now)
            let wait = isStopping || queues.isReady ? 0 : pollMilliseconds(MonotonicClock.now())
            if curl_multi_poll(multi, nil, 0, wait, nil) != CURLM_OK {
                // Without descriptors or memory there is nothing to wait for; don't spin.
                usleep(10_000)
            }
        }
        tearDown()
    }

    private func perform(_ command: EngineCommand) {
        switch command {
        case .start(let transfer):
            // A cancellation may come first: they are posted by different threads.
            if let verdict = transfer.verdict { return end(transfer, .failure(verdict)) }
            live[ObjectIdentifier(transfer)] = transfer
            counters.live = live.count
            metrics.live(live.count)
            nextCheck = min(nextCheck, transfer.deadline)
            queues.add(transfer)
        case .cancel(let transfer, let error): cancel(transfer, error)
        case .unpause(let transfer): unpause(transfer)
        case .attend(let transfer): if transfer.phase != .finished { attend(transfer) }
        case .stop: isStopping = true
        }
    }

    private func cancel(_ transfer: Transfer, _ error: StoreError) {
        if live[ObjectIdentifier(transfer)] == nil {
            transfer.verdict = transfer.verdict ?? error
        } else {
            end(transfer, .failure(explained(error, transfer)))
        }
    }

    /// A cancellation that says whether the request may have had an effect.
    private func explained(_ error: StoreError, _ transfer: Transfer) -> StoreError {
        var error = error
        error.noEffect = !transfer.mayHaveHadEffect
        return error
    }

    private func unpause(_ transfer: Transfer) {
        guard transfer.isPaused, let handle = transfer.handle else { return }
        transfer.isPaused = false
        transfer.pace.restart()
        // Delivers at once what libcurl held back; it may pause anew.
        curl_easy_pause(handle.raw, CURLPAUSE_CONT)
        // A callback that wanted the end isn't heard here.
        if let verdict = transfer.verdict { end(transfer, .failure(verdict)) }
    }

    // MARK: - Beginning and ending

    private func begin(_ transfer: Transfer) {
        transfer.loop = self
        transfer.phase = .connecting
        transfer.pace.restart()
        transfer.begun = transfer.pace.start
        let handle = spareHandles.popLast() ?? CurlHandle()
        guard let handle,
            handle.configure(for: transfer, configuration, share: share, sockets: sockets),
            curl_multi_add_handle(multi, handle.raw) == CURLM_OK
        else {
            let error = transfer.failure(.internalFailure, "libcurl takes no more requests", cause: .other)
            queues.release(transfer)
            return end(transfer, .failure(error))
        }
        transfer.handle = handle
        active[handle.raw] = transfer
        nextCheck = min(nextCheck, transfer.pace.start.adding(milliseconds: Self.checkInterval))
        if let total = transfer.timeouts.total {
            nextCheck = min(nextCheck, transfer.pace.start.adding(milliseconds: total))
        }
    }

    /// Lets libcurl do what it can without waiting.
    private func advance() {
        var running: Int32 = 0
        let code = curl_multi_perform(multi, &running)
        if code != CURLM_OK {
            let text = String(cString: curl_multi_strerror(code))
            for transfer in Array(active.values) {
                end(transfer, .failure(transfer.failure(.internalFailure, "libcurl: \(text)", cause: .other)))
            }
        }
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            var result = CURLE_OK
            guard shim_finished(message, &result) != 0, let easy = message.pointee.easy_handle,
                let transfer = active[easy]
            else { continue }
            end(transfer, outcome(of: transfer, result))
        }
    }

    /// Ends a transfer, whatever its state: takes it from libcurl, then tells who waits.
    private func end(_ transfer: Transfer, _ result: Result<Void, StoreError>) {
        if let handle = transfer.handle {
            transfer.handle = nil
            active[handle.raw] = nil
            curl_multi_remove_handle(multi, handle.raw)
            sockets.review(transfer.madeSockets)
            if spareHandles.count < 64 {
                // Whatever it points to may go now.
                handle.reset()
                spareHandles.append(handle)
            }
            queues.release(transfer)
        }
        live[ObjectIdentifier(transfer)] = nil
        transfer.phase = .finished
        record(transfer, result)
        transfer.loop = nil
        switch result {
        case .failure(let error):
            transfer.stream?.finish(.failure(error))
            transfer.resume(.failed(error))
        case .success where transfer.stream != nil:
            transfer.stream?.finish(.success(()))
            transfer.resume(.head(status: transfer.head.status, headers: transfer.head.fields))
        case .success:
            let body = transfer.collector.finish()
            transfer.resume(
                .whole(HTTPResponse(status: transfer.head.status, headers: transfer.head.fields, body: body)))
        }
    }

    /// Ends everything. Also for a loop whose thread couldn't begin.
    func tearDown() {
        var left = mailbox.close()
        let error = StoreError(.shutdown, "the instance is being stopped", noEffect: true)
        for transfer in Array(live.values) { end(transfer, .failure(explained(error, transfer))) }
        while let command = left.popLast() {
            if case .start(let transfer) = command { end(transfer, .failure(error)) }
        }
        // Handles first: they refer to the others.
        spareHandles = []
        attended = []
        curl_multi_cleanup(multi)
        if let share { curl_share_cleanup(share) }
    }
}

// MARK: - Readers

extension EngineLoop {
    /// Looks after a stream's reader at the end of this round and until it is served.
    func attend(_ transfer: Transfer) {
        guard !transfer.isAttended else { return }
        transfer.isAttended = true
        attended.append(transfer)
    }

    private func serveReaders(_ now: Int64) {
        guard !attended.isEmpty else { return }
        attended.removeAll { transfer in
            let isDone = transfer.phase == .finished || transfer.stream?.attend(now) != .soon
            if isDone { transfer.isAttended = false }
            return isDone
        }
    }
}

// MARK: - Time

extension EngineLoop {
    /// How often transfers are looked at: milliseconds.
    private static let checkInterval: Int64 = 250

    private func pollMilliseconds(_ now: Int64) -> Int32 {
        if !attended.isEmpty { return 1 }
        guard nextCheck != .max else { return 30_000 }
        let (rest, overflow) = nextCheck.subtractingReportingOverflow(now)
        guard !overflow, rest > 0 else { return 0 }
        // Rounded up, so that it isn't asked for again a moment too early.
        return Int32(min(rest / 1_000_000 + 1, 30_000))
    }

    /// Ends what is late or too slow, and says when to look again.
    private func check(_ now: Int64) {
        var ended: [(Transfer, StoreError)] = []
        var next = Int64.max
        for transfer in live.values {
            if let error = transfer.lateness(now) {
                ended.append((transfer, error))
            } else {
                if transfer.isAwaited { next = min(next, transfer.deadline) }
                if transfer.handle != nil { next = min(next, now.adding(milliseconds: Self.checkInterval)) }
            }
        }
        nextCheck = next
        for (transfer, error) in ended { end(transfer, .failure(error)) }
        reportBytes()
    }
}

extension Transfer {
    /// Why it should end now; nil: it may go on.
    fileprivate func lateness(_ now: Int64) -> StoreError? {
        if isAwaited && now >= deadline || stream?.isLate(now) == true {
            return failure(.timeout, "the deadline passed", cause: .deadline)
        }
        guard handle != nil, !isPaused else { return nil }
        if isAwaited, let total = timeouts.total, now >= begun.adding(milliseconds: total) {
            return failure(.unavailable, "no answer within \(total) ms", cause: .firstByte, retry: .timeout)
        }
        switch phase {
        case .waiting where pace.isLate(now):
            return failure(
                .unavailable, "no answer within \(timeouts.firstByte) ms", cause: .firstByte, retry: .timeout)
        case .sending where pace.isSlow(now), .receiving where pace.isSlow(now):
            return failure(.unavailable, "the transfer was too slow", cause: .lowSpeed, retry: .timeout)
        default: return nil
        }
    }
}

// MARK: - Outcomes

extension EngineLoop {
    private func outcome(of transfer: Transfer, _ result: CURLcode) -> Result<Void, StoreError> {
        if let verdict = transfer.verdict { return .failure(verdict) }
        if result != CURLE_OK { return .failure(CurlFailure(result, of: transfer).error) }
        guard transfer.head.isComplete else {
            return .failure(
                transfer.failure(.unavailable, "the answer has no head", cause: .header, retry: .connection))
        }
        return .success(())
    }

    /// A stream's head has come.
    func recordHead(of transfer: Transfer) {
        metrics.request(
            transfer.request.operation, status: "\(transfer.head.status / 100)xx",
            nanoseconds: MonotonicClock.now() &- transfer.made)
    }

    private func record(_ transfer: Transfer, _ result: Result<Void, StoreError>) {
        counters.live = live.count
        metrics.live(live.count)
        // While there is something to do, `check` tells it now and then.
        if live.isEmpty { reportBytes() }
        // A stream was recorded with its head.
        guard transfer.isAwaited else { return }
        let status: String =
            switch result {
            case .success: "\(transfer.head.status / 100)xx"
            case .failure(let error): error.cause.rawValue
            }
        metrics.request(
            transfer.request.operation, status: status, nanoseconds: MonotonicClock.now() &- transfer.made)
    }

    private func reportBytes() {
        let (sent, received) = (counters.sent, counters.received)
        metrics.moved(sent: sent - reported.sent, received: received - reported.received)
        reported = (sent, received)
    }
}
