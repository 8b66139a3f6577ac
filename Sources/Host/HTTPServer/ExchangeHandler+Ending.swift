import Glibc
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTP2

/// Ends exchanges and connections.
extension ExchangeHandler {
    /// The answer is written. The connection goes on with the next request, after the rest of this one's body.
    func answered(closing: Bool) {
        report(isComplete: true)
        exchange?.body.close()
        exchange?.task = nil
        guard phase == .running else { return }
        if closing {
            closeAfterFlush()
        } else if isReceiving {
            phase = .draining
            drained = 0
            mark = loop.tick
            reopenGate()
        } else {
            finishExchange()
        }
    }

    /// The request is complete and answered.
    func finishExchange() {
        exchange = nil
        phase = .idle
        mark = loop.tick
        if loop.isDraining && !isHTTP2 {
            closeAfterFlush()
        } else {
            advance()
        }
    }

    /// Answers a request that the responder does not see.
    ///
    /// - Parameter head: its head, if that could be parsed
    func refuse(_ refusal: RequestRefusal, head: HTTPRequestHead? = nil) {
        guard let context, phase != .closed else { return }
        let response = loop.core.responder.refusal(refusal.status)
        var plan = ResponsePlan(response, method: head?.method ?? .GET, version: isHTTP2 ? .http2 : .http1_1)
        plan.closes = !isHTTP2
        let body: ByteBuffer? = if case .bytes(let bytes) = response.body, plan.sendsBody { bytes } else { nil }
        isReceiving = true
        if isHTTP2 {
            writeHTTP2Head(response, plan)
            if let body { context.write(NIOAny(HTTPServerResponsePart.body(.byteBuffer(body))), promise: nil) }
            writeStreamEnd()
        } else {
            var bytes = ByteBuffer()
            _ = ResponseHead(
                status: response.status, headers: response.headers, plan: plan, isOldClient: false,
                dateLine: loop.dateLine
            ).write(to: &bytes)
            if let body { bytes.writeImmutableBuffer(body) }
            context.write(NIOAny(bytes), promise: nil)
        }
        loop.core.onExchange?(
            .refused(
                response, to: head, on: connection, version: isHTTP2 ? .http2 : .http1_1,
                bytesSent: UInt64(body?.readableBytes ?? 0)))
        closeAfterFlush()
    }

    /// Ends the connection (or the stream) when all that is written has left.
    func closeAfterFlush() {
        guard let context, phase != .closed else { return }
        phase = .closing
        mark = loop.tick
        if isHTTP2 {
            context.flush()
            // RFC 9113 §8.1: when the answer has left, the rest of the request is of no interest. A client that is still
            // sending is given time to take note of the answer: some take a reset for a failure, whatever came before.
            if isReceiving { streamEnd?.whenSuccess { [self] in lingerStream() } }
            return
        }
        // A client that is still sending would get a reset, which can destroy the answer before it is read.
        let lingers = isReceiving || hasQueue
        let flushed = context.eventLoop.makePromise(of: Void.self)
        flushed.futureResult.whenComplete { [self] result in
            guard let context = self.context, phase == .closing else { return }
            if lingers, case .success = result {
                linger(context)
            } else {
                context.close(promise: nil)
            }
        }
        context.writeAndFlush(NIOAny(ByteBuffer()), promise: flushed)
    }

    /// Ends an HTTP/2 answer. A reset before it has left would take it along.
    func writeStreamEnd() {
        guard let context else { return }
        let promise = isReceiving ? context.eventLoop.makePromise(of: Void.self) : nil
        streamEnd = promise?.futureResult
        context.write(NIOAny(HTTPServerResponsePart.end(nil)), promise: promise)
    }

    private func linger(_ context: ChannelHandlerContext) {
        phase = .lingering
        mark = loop.tick
        context.close(mode: .output, promise: nil)
        reopenGate()
    }

    /// Reads on, and drops what comes, until the client ends its request.
    private func lingerStream() {
        guard phase == .closing else { return }
        phase = .lingering
        mark = loop.tick
        reopenGate()
    }

    /// Ends an answer that cannot be completed in a way that the client notices.
    func abortAnswer(_ reason: String?) {
        if let reason {
            loop.core.logger.error("answer aborted", metadata: ["reason": "\(reason)"])
        }
        guard let context, phase != .closed else { return }
        if isHTTP2 {
            phase = .closing
            reset(.internalError)
        } else {
            // Without framing, only a reset differs from a proper end.
            if exchange?.head.version == .http1_0 { resetOnClose(context) }
            context.close(promise: nil)
        }
    }

    private func resetOnClose(_ context: ChannelHandlerContext) {
        let value = Glibc.linger(l_onoff: 1, l_linger: 0)
        _ = (context.channel as? any SocketOptionProvider)?.setSoLinger(value)
    }

    private func reset(_ code: HTTP2ErrorCode) {
        guard let context else { return }
        let codec = try? context.pipeline.syncOperations.context(handlerType: HTTP2FramePayloadToHTTP1ServerCodec.self)
        codec?.writeAndFlush(NIOAny(HTTP2Frame.FramePayload.rstStream(code)), promise: nil)
    }

    /// Tells the observer, if there is one.
    func report(isComplete: Bool) {
        guard let onExchange = loop.core.onExchange, let exchange, exchange.isLaunched, !exchange.isReported else {
            return
        }
        self.exchange?.isReported = true
        onExchange(
            HTTPExchange(
                method: exchange.head.method, target: exchange.head.uri, version: exchange.head.version,
                requestHeaders: exchange.head.headers, remoteAddress: connection.remoteAddress,
                isSecure: connection.isSecure,
                status: exchange.answer?.status ?? .custom(code: 499, reasonPhrase: "Client Closed Request"),
                responseHeaders: exchange.answer?.headers ?? [:], bytesSent: exchange.bytesSent,
                bytesReceived: exchange.body.received,
                duration: .nanoseconds((NIODeadline.now() - exchange.start).nanoseconds), isComplete: isComplete))
    }

    // MARK: Time

    func sweep(tick: Int) {
        let waited = tick - mark
        let ticks = loop.ticks
        switch phase {
        case .idle where bufferedOutput() > 0:
            mark = tick
            checkWrites(tick)
        case .idle:
            if waited > ticks.keepAlive { context?.close(promise: nil) }
        case .head:
            if waited > ticks.header { headTimedOut() }
        case .running:
            if isReceiving, exchange?.body.isAwaited == true, waited > ticks.bodyStall {
                exchange?.isBroken = true
                exchange?.body.fail(.stalled)
            }
            checkFile()
            if exchange?.answer != nil { checkWrites(tick) }
        case .draining:
            if waited > ticks.bodyStall { abort() }
        case .closing:
            checkWrites(tick)
        case .lingering:
            guard waited > ticks.linger else { break }
            if isHTTP2 {
                phase = .closing
                reset(.noError)
            } else {
                abort()
            }
        case .closed:
            break
        }
    }

    /// `sendfile` at the end of a file yields nothing, and would be asked again for ever.
    private func checkFile() {
        guard let sending, !PageCache.holds(sending) else { return }
        abortAnswer("file became shorter than the range to send")
    }

    private func headTimedOut() {
        if hasBytes && !isHTTP2 {
            refuse(RequestRefusal(status: .requestTimeout))
        } else {
            abort()
        }
    }

    private func checkWrites(_ tick: Int) {
        if writeProgress.isStalled(pending: pendingOutput(), tick: tick, limit: loop.ticks.writeStall) { abort() }
    }

    /// Bytes that the kernel has not taken.
    private func bufferedOutput() -> Int {
        if isHTTP2 { return writeProgress.unflushed }
        return (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    /// Bytes that the client has not taken: in our buffers, and in the kernel's.
    private func pendingOutput() -> Int {
        let buffered = bufferedOutput()
        guard let context, !isHTTP2 else { return buffered }
        let queued = try? context.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { descriptor in
            var count: CInt = 0
            // TIOCOUTQ, which is SIOCOUTQ for sockets.
            return unsafe ioctl(descriptor, UInt(TIOCOUTQ), &count) == 0 ? Int(count) : 0
        }
        return buffered + (queued ?? 0)
    }

    func drain() {
        switch phase {
        case .idle: context?.close(promise: nil)
        case .head where !hasBytes && !isHTTP2: context?.close(promise: nil)
        default: break
        }
    }

    func abort() {
        context?.close(promise: nil)
    }
}

/// Whether a client takes what it is sent.
struct WriteProgress {
    /// Bytes of an HTTP/2 stream that are written and have not left.
    var unflushed = 0
    private var lastPending = 0
    private var mark = 0

    /// Forgets what was pending when an earlier answer was written.
    mutating func restart(tick: Int) {
        lastPending = 0
        mark = tick
    }

    /// Whether `pending` bytes have been pending, unchanged, for more than `limit` ticks.
    mutating func isStalled(pending: Int, tick: Int, limit: Int) -> Bool {
        if pending == 0 || pending != lastPending {
            lastPending = pending
            mark = tick
        }
        return tick - mark > limit
    }
}
