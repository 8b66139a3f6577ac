import CCurl

/// What becomes of a transfer.
enum TransferOutcome: Sendable {
    case whole(HTTPResponse)
    /// Of a stream, whose body follows.
    case head(status: Int, headers: HTTPFields)
    case failed(StoreError)
}

/// One attempt of one request, from the queue to its end.
final class Transfer: @unchecked Sendable {
    // Sendable: whoever makes it hands it to the engine's thread, which alone changes it from then on. Others hold it to
    // name it in a command, and reach only what is constant.
    enum Phase { case queued, connecting, sending, waiting, receiving, finished }

    let request: HTTPRequest
    let timeouts: HTTPTimeouts
    let deadline: Int64
    /// Where the body goes; nil: it is collected.
    let stream: StreamBuffer?
    let made = MonotonicClock.now()

    var phase = Phase.queued
    /// When it got its turn.
    var begun: Int64 = 0
    var handle: CurlHandle?
    var upload: UploadCursor
    var head: ResponseHead
    var collector: ResponseCollector
    var pace: TransferPace
    /// Why a callback ended the transfer, or why it is to be ended.
    var verdict: StoreError?
    /// How often the request went out; libcurl repeats it when a connection that was kept turns out to be dead.
    var timesSent = 0
    /// Sockets for a connection that doesn't stand yet.
    var madeSockets: [Int32] = []
    var isPaused = false
    /// The engine looks after the stream's reader at the end of a round.
    var isAttended = false
    /// While the transfer has a handle.
    var loop: EngineLoop?
    private var continuation: UnsafeContinuation<TransferOutcome, Never>?

    init(_ request: HTTPRequest, _ configuration: HTTPConfiguration, deadline: Deadline, stream: StreamBuffer?) {
        self.request = request
        self.stream = stream
        self.deadline = deadline.nanoseconds
        timeouts = request.timeouts ?? configuration.timeouts
        upload = UploadCursor(request.body.content)
        head = ResponseHead(limit: configuration.headerLimit, followsRedirects: request.maximumRedirects > 0)
        collector = ResponseCollector(limit: request.responseLimit)
        pace = TransferPace(timeouts)
    }

    /// Who waits for the outcome; set before the transfer is handed over.
    func wait(_ continuation: UnsafeContinuation<TransferOutcome, Never>) { self.continuation = continuation }

    /// Tells the outcome to who waits, the first time; later ones are lost.
    func resume(_ outcome: TransferOutcome) {
        let waiting = continuation
        continuation = nil
        waiting?.resume(returning: outcome)
    }

    /// Whether somebody waits: for a response, or for the head of a stream.
    var isAwaited: Bool { continuation != nil }

    /// Whether a request that may not be repeated could have had an effect.
    var mayHaveHadEffect: Bool { timesSent > 0 }
}

// MARK: - What libcurl's callbacks do; on the engine's thread

extension Transfer {
    /// Another socket, to try an address.
    func makeSocket(_ address: UnsafePointer<curl_sockaddr>) -> Int32 {
        guard let loop else { return CURL_SOCKET_BAD }
        let socket = loop.sockets.make(address)
        if socket >= 0 { madeSockets.append(socket) }
        return socket
    }

    /// The connection stands, and the request goes out now. False: it mustn't, because it did before.
    ///
    /// Only reading may be repeated without a word: who put or removed something has to know that it may have been done
    /// already when the answer to the second time says that it is there, or gone.
    func willSend() -> Bool {
        if timesSent > 0, !request.isSafe {
            verdict = failure(
                .unavailable, "the connection broke before the answer", cause: .reset, retry: .connection)
            return false
        }
        timesSent += 1
        if !madeSockets.isEmpty {
            loop?.counters.opened += 1
            loop?.sockets.review(madeSockets)
            madeSockets = []
        }
        enter(upload.remaining > 0 ? .sending : .waiting)
        return true
    }

    /// More of the body for libcurl.
    func send(into target: UnsafeMutableRawBufferPointer) -> Int {
        let count = upload.read(into: target)
        pace.moved(count)
        loop?.counters.sent += count
        if upload.remaining == 0, phase == .sending { enter(.waiting) }
        return count
    }

    /// Back to a place of the body, because the connection has to be another one; false if there is none.
    func rewind(to position: Int64) -> Bool {
        guard upload.seek(to: position) else { return false }
        if phase == .waiting, upload.remaining > 0 { enter(.sending) }
        return true
    }

    /// A line of the head; false ends the transfer.
    func receive(headerLine line: UnsafeRawBufferPointer) -> Bool {
        pace.moved(line.count)
        if phase == .waiting || phase == .sending { enter(.receiving) }
        if head.take(line) { return true }
        verdict = failure(.corrupt, "the head of the response is malformed or too large", cause: .header)
        return false
    }

    /// Bytes of the body.
    func receive(_ bytes: UnsafeRawBufferPointer) -> Received {
        guard let stream else { return collect(bytes) }
        announceHead()
        switch stream.write(bytes) {
        case .taken(let isWanted):
            count(bytes)
            if isWanted { loop?.attend(self) }
            return .taken
        case .full:
            isPaused = true
            return .later
        case .closed:
            verdict = StoreError(.cancelled, "nobody reads the response any more", cause: .cancelled)
            return .end
        }
    }

    /// What becomes of bytes that libcurl offers.
    enum Received { case taken, later, end }

    private func collect(_ bytes: UnsafeRawBufferPointer) -> Received {
        count(bytes)
        if collector.append(bytes, announced: head.fields.contentLength) { return .taken }
        verdict = failure(
            .corrupt, "the response is larger than \(request.responseLimit) bytes", cause: .tooLarge)
        return .end
    }

    /// Lets the one who opened the stream go on.
    func announceHead() {
        guard isAwaited else { return }
        loop?.recordHead(of: self)
        resume(.head(status: head.status, headers: head.fields))
    }

    private func count(_ bytes: UnsafeRawBufferPointer) {
        pace.moved(bytes.count)
        loop?.counters.received += bytes.count
    }

    private func enter(_ phase: Phase) {
        self.phase = phase
        pace.restart()
    }

    /// An error that names the operation and whom it asked.
    func failure(
        _ kind: StoreError.Kind, _ text: String, cause: StoreError.Cause, retry: StoreError.Retry? = nil
    ) -> StoreError {
        let whom = request.endpoint.url
        var error = StoreError(
            kind, "\(request.operation): \(whom): \(text)", cause: cause, retry: retry, noEffect: !mayHaveHadEffect)
        error.status = head.isComplete ? head.status : 0
        error.requestID = head.fields.requestID
        return error
    }
}

extension HTTPFields {
    /// The store's name for a request, whatever the store is called.
    var requestID: String {
        let names = ["x-amz-request-id", "x-ms-request-id", "x-guploader-uploadid", "x-request-id"]
        return StoreError.clean(names.lazy.compactMap { self[$0] }.first ?? "", limit: 128)
    }
}
