import Logging
import NIOCore
import NIOHTTP1

/// The server's end of an HTTP/1 connection or of one HTTP/2 stream: takes request parts, runs the responder, writes
/// answers one after the other, and decides when the connection is read and when it ends.
///
/// `ExchangeHandler+Sending` writes answers, `ExchangeHandler+Ending` ends exchanges and connections.
final class ExchangeHandler: ChannelDuplexHandler, RequestBodyReader, Watched, @unchecked Sendable {
    // Guard: all mutable state is touched on `loop.loop` only.
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = Never
    typealias OutboundIn = Never
    typealias OutboundOut = IOData

    enum Phase {
        /// Between requests, since `mark`.
        case idle
        /// A request head is awaited or arriving, since `mark`.
        case head
        /// A request has come and is not answered; `mark` is when its body last made progress.
        case running
        /// The request is answered; what is left of its body is dropped.
        case draining
        /// The last bytes are on their way.
        case closing
        /// Nothing more is sent; the client is given until `mark` and `linger` to take note.
        case lingering
        case closed
    }

    /// What a chunk's size and line ends may take.
    private static let chunkFrame = 64

    let loop: LoopContext
    let connection: Connection
    /// The HTTP/2 connection, if this is one of its streams.
    private let parent: HTTP2Connection?
    var isHTTP2: Bool { parent != nil }
    var context: ChannelHandlerContext?
    var watchIndex = -1

    var phase = Phase.head
    var mark: Int
    var exchange: Exchange?
    /// The head of the current request has come, its end has not.
    var isReceiving = false
    /// Whether anything came on this connection.
    var hasBytes = false
    /// Parts of later requests.
    private var serial = 0
    private var queue = CircularBuffer<HTTPServerRequestPart>(initialCapacity: 0)
    /// What to answer to the next request, which could not be parsed.
    private var pendingRefusal: RequestRefusal?
    /// When the end of an HTTP/2 answer has left, if the request had not ended by then.
    var streamEnd: EventLoopFuture<Void>?
    /// An encoded head waits in `loop.scratch`.
    var isHeadPending = false
    private var isReadHeld = false
    private var isReading = false
    private var isAdvancing = false
    private var needsFlush = false
    /// Bytes of the body dropped since the answer.
    var drained = 0
    /// The file whose range is being sent.
    var sending: HTTPFileBody?
    var writeProgress = WriteProgress()

    /// The current request and what has become of it.
    struct Exchange {
        let serial: Int
        let head: HTTPRequestHead
        let traits: RequestTraits
        let body: HTTPRequestBody
        let start: NIODeadline
        var isLaunched = false
        var isReported = false
        var task: Task<Void, Never>?
        var mustContinue: Bool
        var bytesSent: UInt64 = 0
        /// The body of the request cannot be trusted: the connection ends with the answer.
        var isBroken = false
        /// Why, where the server knows the status better than the responder.
        var refusal: RequestRefusal?
        /// Bytes of a chunked body that were neither content nor the least that frames it.
        var framing = 0
        var answer: (status: HTTPResponseStatus, headers: HTTPHeaders)?
    }

    /// - Parameter parent: the HTTP/2 connection, if this is to be one of its streams
    init(loop: LoopContext, connection: Connection, parent: HTTP2Connection? = nil) {
        self.loop = loop
        self.connection = connection
        self.parent = parent
        mark = loop.tick
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        loop.watch(self)
        parent?.streamOpened()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        disconnect()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        disconnect()
        context.fireChannelInactive()
    }

    private func disconnect() {
        guard phase != .closed else { return }
        phase = .closed
        loop.unwatch(self)
        parent?.streamClosed()
        queue.removeAll()
        guard let exchange else { return }
        exchange.body.fail(.clientGone)
        exchange.task?.cancel()
        report(isComplete: false)
        self.exchange = nil
    }

    /// The first bytes of a head have come, or more of something.
    ///
    /// - Returns: whether a head begins with them
    func bytesArrived(_ count: Int) throws(RequestRefusal) -> Bool {
        let isFirst = !hasBytes
        hasBytes = true
        guard phase == .idle else {
            if isReceiving, queue.isEmpty, exchange?.traits.isChunked == true { try noteFraming(count) }
            return isFirst
        }
        phase = .head
        mark = loop.tick
        return true
    }

    /// Extensions of chunks and trailers are read and dropped: a client may send a head's worth of them.
    private func noteFraming(_ count: Int) throws(RequestRefusal) {
        let framing = max(0, exchange?.framing ?? 0)
        guard framing <= loop.core.configuration.limits.headerBytes else {
            throw RequestRefusal(status: .requestHeaderFieldsTooLarge)
        }
        exchange?.framing = framing + count
    }

    // MARK: Reading

    func read(context: ChannelHandlerContext) {
        if isGateClosed {
            isReadHeld = true
        } else {
            context.read()
        }
    }

    /// Whether parts of later requests wait.
    var hasQueue: Bool { !queue.isEmpty }

    private var isGateClosed: Bool {
        switch phase {
        case .idle, .head: !queue.isEmpty
        case .running: !queue.isEmpty || (isReceiving && isBodyHeldBack)
        case .draining, .closing, .lingering, .closed: false
        }
    }

    /// Whether more of the body is to stay with the client. A stream costs its client nothing, a connection does.
    private var isBodyHeldBack: Bool {
        guard let exchange else { return false }
        if exchange.body.isFull { return true }
        guard isHTTP2, exchange.isLaunched, !exchange.body.isAwaited else { return false }
        return !exchange.body.isWanted || exchange.body.memory?.isPressed == true
    }

    func reopenGate() {
        guard isReadHeld, !isGateClosed else { return }
        isReadHeld = false
        context?.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isReading = true
        let part = ExchangeHandler.unwrapInboundIn(data)
        switch phase {
        case .closing, .lingering, .closed: return
        case .idle, .head, .running, .draining: break
        }
        let isTaken = queue.isEmpty && (exchange == nil ? context.channel.isWritable : isReceiving)
        if isTaken {
            receive(part)
        } else {
            queue.append(part)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        if exchange?.isLaunched == false { launch(isEmpty: false) }
        exchange?.body.settle()
        flushIfNeeded()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { advance() }
    }

    private func receive(_ part: HTTPServerRequestPart) {
        switch part {
        case .head(let head): accept(head)
        case .body(let slice): accept(slice)
        case .end: acceptEnd()
        }
    }

    private func accept(_ head: HTTPRequestHead) {
        do throws(RequestRefusal) {
            let traits = try RequestTraits(head, limits: loop.core.configuration.limits)
            let hasBody = isHTTP2 || traits.isChunked || traits.declaredLength ?? 0 > 0
            let body =
                hasBody
                ? HTTPRequestBody(loop: loop.loop, declaredLength: traits.declaredLength, isEmpty: false) : .none
            if hasBody {
                body.reader = self
                body.memory = parent?.bodies
            }
            serial &+= 1
            exchange = Exchange(
                serial: serial, head: head, traits: traits, body: body,
                start: loop.core.onExchange == nil ? .distantPast : .now(),
                mustContinue: traits.expectsContinue && hasBody)
            isReceiving = true
            phase = .running
            mark = loop.tick
        } catch {
            refuse(error, head: head)
        }
    }

    private func accept(_ slice: ByteBuffer) {
        mark = loop.tick
        exchange?.framing -= slice.readableBytes + ExchangeHandler.chunkFrame
        guard phase == .draining else {
            exchange?.mustContinue = false
            exchange?.body.append(slice)
            return
        }
        drained += slice.readableBytes
        if drained > loop.core.configuration.limits.drainedBodyBytes { closeAfterFlush() }
    }

    private func acceptEnd() {
        isReceiving = false
        if phase == .draining {
            finishExchange()
            return
        }
        guard let exchange else { return }
        if !exchange.body.isEmpty { exchange.body.finish() }
        if !exchange.isLaunched { launch(isEmpty: exchange.body.received == 0) }
    }

    /// Takes up what came while an earlier request was being answered.
    func advance() {
        guard !isAdvancing, let context else { return }
        isAdvancing = true
        while !queue.isEmpty, phase != .closing, phase != .lingering, phase != .closed {
            guard exchange == nil ? context.channel.isWritable : isReceiving else { break }
            receive(queue.removeFirst())
        }
        isAdvancing = false
        if exchange?.isLaunched == false, !isReading { launch(isEmpty: false) }
        exchange?.body.settle()
        if exchange == nil, queue.isEmpty, let refusal = pendingRefusal.take() { refuse(refusal) }
        flushIfNeeded()
        reopenGate()
    }

    // MARK: Running

    private func launch(isEmpty: Bool) {
        guard phase == .running, let current = exchange else { return }
        exchange?.isLaunched = true
        let request = HTTPRequest(
            method: current.head.method, target: current.head.uri, headers: current.head.headers,
            version: current.head.version, isSecure: connection.isSecure, remoteAddress: connection.remoteAddress,
            localPort: connection.localPort, body: isEmpty ? .none : current.body)
        let task = Task.immediate(executorPreference: loop.executor) { [self] in
            let response = await loop.core.responder.respond(to: request)
            await deliver(response, to: request)
        }
        // The responder may have answered already, and a next exchange have begun.
        if exchange?.serial == current.serial { exchange?.task = task }
    }

    func bodyWanted() {
        mark = loop.tick
        if exchange?.mustContinue == true {
            exchange?.mustContinue = false
            sendContinue()
        }
        reopenGate()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case let refusal as RequestRefusal: take(refusal)
        case HTTPParserError.invalidVersion: take(RequestRefusal(status: .httpVersionNotSupported))
        case ByteToMessageDecoderError.dataReceivedInErrorState:
            // More of a request that is being refused.
            break
        case _ where isHTTP2 && phase == .head && context.channel.isActive:
            // The codec makes no request of this head.
            take(RequestRefusal(status: .badRequest))
        default:
            loop.core.logger.debug(
                "connection failed", metadata: ["error": "\(error)", "peer": "\(connection.remoteAddress)"])
            guard isHTTP2 else { return context.close(promise: nil) }
            // Not at once: NIO may be setting the stream up.
            loop.loop.execute { self.abort() }
        }
    }

    /// What came cannot be parsed.
    private func take(_ refusal: RequestRefusal) {
        switch phase {
        case .closing, .lingering, .closed: break
        case .draining: closeAfterFlush()
        case .idle, .head: refuse(refusal)
        case .running where isReceiving && queue.isEmpty:
            exchange?.isBroken = true
            exchange?.refusal = refusal
            exchange?.body.fail(.malformed)
        case .running: pendingRefusal = refusal
        }
    }

    // MARK: Flushing

    /// Flushes at the end of the read cycle, so that the answers to pipelined requests leave together.
    func flushSoon() {
        if isReading || isAdvancing {
            needsFlush = true
        } else {
            context?.flush()
        }
    }

    private func flushIfNeeded() {
        guard needsFlush, !isReading, !isAdvancing else { return }
        needsFlush = false
        context?.flush()
    }
}
