import Logging
import NIOCore
import NIOHTTP1
import NIOHTTP2

/// Writes answers.
extension ExchangeHandler {
    /// A body up to this size is copied behind the head: one buffer, one system call.
    private static let inlineBody = 16 * 1024
    /// A resident file range up to this size is read behind the head.
    private static let inlineFile = 64 * 1024
    /// A larger region would let one system call feed a fast client for milliseconds while others wait.
    private static let regionSlice: UInt64 = 1024 * 1024
    /// The size of the pieces that `HTTPBodySource` is asked for.
    static let chunk = 256 * 1024
    /// HTTP/2 progress is seen in steps of this size.
    private static let streamPiece = 64 * 1024

    /// Sends the answer of the responder; returns when it is handed to the connection, and its body released.
    func deliver(_ response: HTTPResponse, to request: HTTPRequest) async {
        guard phase == .running, let current = exchange else {
            response.body.discard()
            return
        }
        var response = response
        if let refusal = current.refusal, refusal.status != .badRequest {
            response.body.discard()
            response = loop.core.responder.refusal(refusal.status)
        }
        var plan = ResponsePlan(response, method: request.method, version: request.version)
        plan.closes = plan.closes || mustClose(after: response, current)
        exchange?.answer = (response.status, response.headers)
        writeProgress.restart(tick: loop.tick)
        writeHead(response, plan)
        guard plan.sendsBody else {
            response.body.discard()
            return end(plan)
        }
        switch response.body {
        case .empty:
            end(plan)
        case .bytes(let bytes):
            write(bytes)
            end(plan)
        case .file(let file):
            await send(file, plan)
        case .stream(_, let source):
            await send(source, plan)
            source.close()
        }
    }

    /// Whether the connection cannot serve another request after this answer.
    private func mustClose(after response: HTTPResponse, _ exchange: Exchange) -> Bool {
        if isHTTP2 { return false }
        if !exchange.traits.keepsAlive || exchange.mustContinue || exchange.isBroken || loop.isDraining { return true }
        let limit = UInt64(clamping: loop.core.configuration.limits.drainedBodyBytes)
        if isReceiving, let missing = exchange.body.missing, missing > limit { return true }
        return response.headers.contains { $0.name.matches("connection") && $0.value.matches("close") }
    }

    // MARK: Pieces

    /// Tells the client to go on with the body.
    func sendContinue() {
        guard let context, phase == .running, exchange?.answer == nil else { return }
        if isHTTP2 {
            let head = HTTPResponseHead(version: .http2, status: .continue)
            context.writeAndFlush(NIOAny(HTTPServerResponsePart.head(head)), promise: nil)
        } else {
            context.writeAndFlush(NIOAny(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
        }
    }

    /// Writes the head; for HTTP/1 it stays in `loop.scratch` until `flushHead`, so that a body can join
    /// it. The scratch is the loop's: `flushHead` must come before the task suspends.
    private func writeHead(_ response: HTTPResponse, _ plan: ResponsePlan) {
        if isHTTP2 {
            writeHTTP2Head(response, plan)
            return
        }
        loop.scratch.clear(minimumCapacity: 1024)
        let head = ResponseHead(
            status: response.status, headers: response.headers, plan: plan,
            isOldClient: exchange?.head.version == .http1_0, dateLine: loop.dateLine)
        let illegal = head.write(to: &loop.scratch)
        isHeadPending = true
        if !illegal.isEmpty { logIllegal(illegal) }
    }

    func writeHTTP2Head(_ response: HTTPResponse, _ plan: ResponsePlan) {
        var fields: [(String, String)] = []
        fields.reserveCapacity(12)
        var illegal: [String] = []
        for (name, value) in response.headers {
            guard ResponseField.isLegal(name: name, value: value) else {
                illegal.append(name)
                continue
            }
            if ResponseField.isForwarded(name, plan) { fields.append((name, value)) }
        }
        if !response.headers.contains(name: "date") { fields.append(("date", loop.date)) }
        if case .length(let length) = plan.framing { fields.append(("content-length", String(length))) }
        let head = HTTPResponseHead(version: .http2, status: response.status, headers: HTTPHeaders(fields))
        context?.write(NIOAny(HTTPServerResponsePart.head(head)), promise: nil)
        if !illegal.isEmpty { logIllegal(illegal) }
    }

    private func logIllegal(_ names: [String]) {
        loop.core.logger.error("response header field is not legal", metadata: ["fields": "\(names)"])
    }

    /// Hands a pending HTTP/1 head to the channel.
    private func flushHead() {
        guard isHeadPending else { return }
        isHeadPending = false
        context?.write(NIOAny(loop.scratch), promise: nil)
    }

    /// Writes a whole body, unflushed.
    private func write(_ bytes: ByteBuffer) {
        let count = bytes.readableBytes
        exchange?.bytesSent = UInt64(count)
        if isHTTP2 {
            writePieces(bytes, promise: nil)
        } else if count <= ExchangeHandler.inlineBody {
            loop.scratch.writeImmutableBuffer(bytes)
        } else {
            flushHead()
            context?.write(NIOAny(bytes), promise: nil)
        }
    }

    private func writePieces(_ bytes: ByteBuffer, promise: EventLoopPromise<Void>?) {
        guard let context else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        var rest = bytes
        while let piece = rest.readSlice(length: min(rest.readableBytes, ExchangeHandler.streamPiece)) {
            let count = piece.readableBytes
            let written = context.eventLoop.makePromise(of: Void.self)
            writeProgress.unflushed += count
            written.futureResult.whenComplete { [self] _ in writeProgress.unflushed -= count }
            if rest.readableBytes == 0 { written.futureResult.cascade(to: promise) }
            context.write(NIOAny(HTTPServerResponsePart.body(.byteBuffer(piece))), promise: written)
            if rest.readableBytes == 0 { break }
        }
    }

    /// Ends a complete answer.
    private func end(_ plan: ResponsePlan) {
        flushHead()
        if isHTTP2 {
            writeStreamEnd()
        } else if plan.framing == .chunked, plan.sendsBody {
            context?.write(NIOAny(ByteBuffer(staticString: "0\r\n\r\n")), promise: nil)
        }
        flushSoon()
        answered(closing: plan.closes)
    }

    // MARK: Files

    private func send(_ file: HTTPFileBody, _ plan: ResponsePlan) async {
        if !isHTTP2 && !connection.isSecure {
            if file.length <= UInt64(ExchangeHandler.inlineFile), readBehindHead(file) {
                exchange?.bytesSent = file.length
                return end(plan)
            }
            await sendRegions(file, plan)
        } else {
            let source = FileChunks(file: file, pool: loop.core.blockingPool)
            await send(source, plan)
        }
        withExtendedLifetime(file.owner) {}
    }

    /// Reads a small range that is in the page cache into the buffer of the head.
    private func readBehindHead(_ file: HTTPFileBody) -> Bool {
        let count = Int(file.length)
        let before = loop.scratch.writerIndex
        let read = loop.scratch.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { bytes in
            let target = UnsafeMutableRawBufferPointer(rebasing: bytes.prefix(count))
            return PageCache.read(file.descriptor, into: target, at: file.offset) ?? 0
        }
        if read == count { return true }
        loop.scratch.moveWriterIndex(to: before)
        return false
    }

    /// `sendfile` in slices. The task resumes through the loop's queue after each, so that others get a turn.
    private func sendRegions(_ file: HTTPFileBody, _ plan: ResponsePlan) async {
        flushHead()
        guard PageCache.holds(file) else { return abortAnswer("file is shorter than the range to send") }
        let handle = NIOFileHandle(_deprecatedTakingOwnershipOfDescriptor: file.descriptor)
        // The descriptor stays its owner's.
        defer { _ = try? handle.takeDescriptorOwnership() }
        sending = file
        defer { sending = nil }
        var position = file.offset
        let end = file.offset + file.length
        do {
            while position < end {
                guard PageCache.holds(file) else { return abortAnswer("file became shorter than the range to send") }
                let count = min(ExchangeHandler.regionSlice, end - position)
                if !PageCache.isResident(file.descriptor, at: position, count: count) {
                    let at = position
                    await loop.core.blockingPool.run {
                        PageCache.load(file.descriptor, at: at, count: count, ahead: end - at)
                    }
                }
                let region = FileRegion(
                    fileHandle: handle, readerIndex: Int(position), endIndex: Int(position + count))
                try await writeRegion(region).get()
                position += count
                exchange?.bytesSent &+= count
            }
        } catch {
            return abortAnswer(nil)
        }
        self.end(plan)
    }

    private func writeRegion(_ region: FileRegion) -> EventLoopFuture<Void> {
        let promise = loop.loop.makePromise(of: Void.self)
        if phase == .running, let context {
            context.writeAndFlush(NIOAny(IOData.fileRegion(region)), promise: promise)
        } else {
            promise.fail(ChannelError.ioOnClosedChannel)
        }
        return promise.futureResult
    }

    // MARK: Streams

    /// Sends what a source yields: the next piece is fetched while the one before is flushed.
    private func send(_ source: any HTTPBodySource, _ plan: ResponsePlan) async {
        flushHead()
        var left: UInt64? = if case .length(let length) = plan.framing { length } else { nil }
        do {
            var piece = try await fetch(from: source, left: &left)
            while let current = piece {
                let flushed = writeChunk(current, isChunked: plan.framing == .chunked)
                exchange?.bytesSent &+= UInt64(current.readableBytes)
                piece = try await fetch(from: source, left: &left)
                try await flushed.get()
            }
        } catch {
            return abortAnswer(phase == .running ? "body source failed: \(error)" : nil)
        }
        guard phase == .running else { return }
        if let left, left > 0 { return abortAnswer("body source ended early, \(left) bytes are missing") }
        end(plan)
    }

    /// The next piece, never longer than what is left.
    private func fetch(from source: any HTTPBodySource, left: inout UInt64?) async throws -> ByteBuffer? {
        let maximum = left.map { Int(clamping: max(1, min($0, UInt64(ExchangeHandler.chunk)))) }
        while var piece = try await source.next(upTo: maximum ?? ExchangeHandler.chunk) {
            guard phase == .running else { throw ChannelError.ioOnClosedChannel }
            guard piece.readableBytes > 0 else { continue }
            guard let rest = left else { return piece }
            let count = min(UInt64(piece.readableBytes), rest)
            if count < UInt64(piece.readableBytes) {
                loop.core.logger.error("body source yields more than it declared; the rest is cut")
            }
            left = rest - count
            return count == 0 ? nil : piece.readSlice(length: Int(count))
        }
        return nil
    }

    private func writeChunk(_ bytes: ByteBuffer, isChunked: Bool) -> EventLoopFuture<Void> {
        let promise = loop.loop.makePromise(of: Void.self)
        guard phase == .running, let context else {
            promise.fail(ChannelError.ioOnClosedChannel)
            return promise.futureResult
        }
        if isHTTP2 {
            writePieces(bytes, promise: promise)
        } else if isChunked {
            let size = ByteBuffer(string: String(bytes.readableBytes, radix: 16) + "\r\n")
            context.write(NIOAny(size), promise: nil)
            context.write(NIOAny(bytes), promise: nil)
            context.write(NIOAny(ByteBuffer(staticString: "\r\n")), promise: promise)
        } else {
            context.write(NIOAny(bytes), promise: promise)
        }
        context.flush()
        return promise.futureResult
    }
}
