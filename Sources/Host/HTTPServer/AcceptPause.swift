import Glibc
import Logging
import NIOCore

/// Stops accepting for a moment when the process or the system is out of descriptors or memory. The kernel would report
/// the waiting connection again at once, and the loop do nothing else.
final class AcceptPause: ChannelInboundHandler {
    typealias InboundIn = any Channel

    private static let pause = TimeAmount.milliseconds(100)
    private static let betweenWarnings = TimeAmount.seconds(60)

    private let logger: Logger
    private var isPaused = false
    private var quietUntil = NIODeadline.uptimeNanoseconds(0)

    init(logger: Logger) {
        self.logger = logger
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let failure = error as? IOError, AcceptPause.passes(failure.errnoCode) else {
            context.fireErrorCaught(error)
            return
        }
        guard !isPaused else { return }
        isPaused = true
        warn(failure)
        let channel = context.channel
        try? channel.syncOptions?.setOption(.autoRead, value: false)
        context.eventLoop.assumeIsolated().scheduleTask(in: AcceptPause.pause) {
            self.isPaused = false
            try? channel.syncOptions?.setOption(.autoRead, value: true)
        }
    }

    private static func passes(_ code: CInt) -> Bool {
        code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM
    }

    private func warn(_ failure: IOError) {
        let now = NIODeadline.now()
        guard now >= quietUntil else { return }
        quietUntil = now + AcceptPause.betweenWarnings
        logger.warning("new connections wait: \(HTTPServer.StartError.text(failure.errnoCode))")
    }
}
