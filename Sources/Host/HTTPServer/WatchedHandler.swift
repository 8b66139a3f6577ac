import NIOCore

/// What the handlers have in common that look after a whole connection: they are watched as long as they are in the
/// pipeline, and end with their connection.
class WatchedHandler: Watched {
    let loop: LoopContext
    let connection: Connection
    /// Since when it waits for something, in ticks of the loop.
    var mark: Int
    private(set) var context: ChannelHandlerContext?
    var watchIndex = -1

    init(loop: LoopContext, connection: Connection) {
        self.loop = loop
        self.connection = connection
        mark = loop.tick
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        loop.watch(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        loop.unwatch(self)
        self.context = nil
    }

    func sweep(tick: Int) {}

    func drain() { abort() }

    func abort() { context?.close(promise: nil) }
}
