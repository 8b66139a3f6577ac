import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOSSL

/// Builds the pipelines of accepted connections.
struct ConnectionSetup: Sendable {
    let core: ServerCore
    /// nil for clear text.
    let tls: NIOSSLContext?

    /// Prepares a connection that was just accepted.
    func initialize(_ channel: any Channel, on loop: LoopContext) throws {
        let count = core.activity.connectionOpened()
        let connection = Connection(channel: channel, isSecure: tls != nil, activity: core.activity)
        let pipeline = channel.pipeline.syncOperations
        if count > core.configuration.limits.connections || loop.isDraining {
            try pipeline.addHandler(RejectingHandler(loop: loop, connection: connection))
            return
        }
        if let tls {
            try pipeline.addHandler(NIOSSLServerHandler(context: tls))
            try pipeline.addHandler(NegotiationHandler(setup: self, loop: loop, connection: connection))
        } else if core.configuration.h2c {
            try pipeline.addHandler(PrefaceHandler(setup: self, loop: loop, connection: connection))
        } else {
            try configureHTTP1(pipeline, loop, connection)
        }
    }

    func configureHTTP1(
        _ pipeline: ChannelPipeline.SynchronousOperations, _ loop: LoopContext, _ connection: Connection
    ) throws {
        let handler = ExchangeHandler(loop: loop, connection: connection)
        let decoder = RequestDecoder(limits: core.configuration.limits) {
            [unowned handler] count throws(RequestRefusal) in
            try handler.bytesArrived(count)
        }
        try pipeline.addHandler(ByteToMessageHandler(decoder))
        try pipeline.addHandler(handler)
    }

    func configureHTTP2(
        _ pipeline: ChannelPipeline.SynchronousOperations, _ loop: LoopContext, _ connection: Connection
    ) throws {
        let limits = core.configuration.limits
        var settings = NIOHTTP2Handler.ConnectionConfiguration()
        settings.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: limits.concurrentStreams),
            HTTP2Setting(parameter: .maxHeaderListSize, value: limits.headerBytes),
            HTTP2Setting(parameter: .initialWindowSize, value: HTTP2Connection.window),
            HTTP2Setting(parameter: .maxFrameSize, value: HTTP2Connection.frame),
        ]
        settings.targetWindowSize = HTTP2Connection.window
        // What was under way when a stream was reset is no error: all may be reset at once.
        settings.maximumRecentlyResetStreams = max(128, limits.concurrentStreams)
        var stream = NIOHTTP2Handler.StreamConfiguration()
        stream.targetWindowSize = HTTP2Connection.window
        stream.streamResetFrameRateLimit.maximumCount = limits.streamResets
        stream.streamErrorRateLimit.maximumCount = limits.streamResets
        let owner = HTTP2Connection(loop: loop, connection: connection)
        let watch = GoAwayWatch()
        watch.onError = { [weak owner] in owner?.abortSoon() }
        try pipeline.addHandler(watch)
        let manager = NIOHTTP2ServerConnectionManagementHandler(
            eventLoop: loop.loop,
            configuration: .init(maxIdleTime: nil, maxAge: nil, maxGraceTime: nil, keepalive: nil))
        _ = try pipeline.configureHTTP2Pipeline(
            mode: .server, connectionConfiguration: settings, streamConfiguration: stream,
            streamDelegate: StreamBook(manager.http2StreamDelegate, on: loop.loop)
        ) { [weak owner] channel in
            // Weak: a multiplexer that outlived its connection would keep it counted.
            channel.eventLoop.makeCompletedFuture {
                guard let owner else { throw ChannelError.ioOnClosedChannel }
                let handler = ExchangeHandler(loop: owner.loop, connection: owner.connection, parent: owner)
                try channel.pipeline.syncOperations.addHandlers(
                    HTTP2RequestHead(), HTTP2FramePayloadToHTTP1ServerCodec(), handler)
            }
        }
        try pipeline.addHandlers(manager, owner)
    }
}
