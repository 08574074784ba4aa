import CCurl
import Foundation

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// The thread of a client, and commands for it from other threads.
///
/// It starts with a request and ends with the connections that were idle for a while.
final class TransferLoop: @unchecked Sendable {
    enum Command {
        case start(HTTPRequest, HTTPExchange, ContinuousClock.Instant?)
        /// There is room for more of a stream.
        case resume(HTTPExchange)
        /// Nobody waits any more.
        case drop(HTTPExchange)
    }

    /// Time between two looks at sockets that can't be waited for.
    private static let blindSeconds = 0.01

    let options: HTTPClient.Options

    // Guarded by the lock.
    private let lock = NSCondition()
    private var commands: [Command] = []
    private var multi: UnsafeMutableRawPointer?
    private var isRunning = false
    private var isClosed = false
    /// Whether no further request will come.
    private var isRetired = false

    init(_ options: HTTPClient.Options) { self.options = options }

    /// Sends a command to the thread.
    func send(_ command: Command) {
        let failure = lock.withLock { () -> HTTPFailure? in
            guard case .start(let request, _, _) = command else {
                if isRunning { push(command) }
                return nil
            }
            if isClosed { return .closed }
            if let fault = request.fault { return fault }
            if libcurl_load() == 0 { return .noLibrary }
            push(command)
            if !isRunning {
                isRunning = true
                let thread = Thread { self.run() }
                thread.name = "tripstore-http"
                thread.start()
            }
            return nil
        }
        if let failure, case .start(_, let exchange, _) = command { exchange.finish(failure) }
    }

    private func push(_ command: Command) {
        commands.append(command)
        wake()
    }

    /// Ends the thread's wait for sockets; the caller holds the lock.
    private func wake() {
        if let multi { _ = libcurl_multi_wakeup(multi) }
        lock.broadcast()
    }

    func close() {
        lock.withLock {
            isClosed = true
            wake()
        }
    }

    /// Ends the thread once no request is in progress.
    func retire() {
        lock.withLock {
            isRetired = true
            wake()
        }
    }

    // MARK: The thread

    private func run() {
        // Signals are for other threads, and a broken connection is an error, not a signal.
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, nil)
        guard let multi = libcurl_multi_init() else { return leave(nil, .other("there is no memory for a connection")) }
        _ = libcurl_multi_set_long(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_NOTHING))
        lock.withLock { self.multi = multi }
        let transfers = TransferTable(multi, options)
        var idleEnd = ContinuousClock.now
        while true {
            let (commands, isClosed, isRetired) = lock.withLock {
                defer { self.commands = [] }
                return (self.commands, self.isClosed, self.isRetired)
            }
            if isClosed {
                for case .start(_, let exchange, _) in commands { exchange.finish(.closed) }
                transfers.endAll(.closed)
                return leave(multi, .closed)
            }
            for command in commands { transfers.follow(command) }
            let nextLook = transfers.move()
            if transfers.isEmpty {
                if idleEnd <= .now || isRetired, leaveIfIdle(multi) { return }
            } else {
                idleEnd = .now + .seconds(options.idleSeconds)
            }
            let pause = (nextLook ?? idleEnd) - .now
            if libcurl_multi_poll(multi, Int32(clamping: max(0, pause.milliseconds))) != CURLM_OK {
                waitForCommand()
            }
        }
    }

    /// Waits for a command, since there is no memory or descriptor to wait for sockets as well; those are looked at soon.
    private func waitForCommand() {
        let end = Date(timeIntervalSinceNow: Self.blindSeconds)
        lock.withLock { while commands.isEmpty, !isClosed, lock.wait(until: end) {} }
    }

    /// Ends the thread unless there is something to do.
    private func leaveIfIdle(_ multi: UnsafeMutableRawPointer) -> Bool {
        let isIdle = lock.withLock {
            guard commands.isEmpty else { return false }
            self.multi = nil
            isRunning = false
            return true
        }
        if isIdle { libcurl_multi_cleanup(multi) }
        return isIdle
    }

    private func leave(_ multi: UnsafeMutableRawPointer?, _ failure: HTTPFailure) {
        let left = lock.withLock {
            self.multi = nil
            isRunning = false
            defer { commands = [] }
            return commands
        }
        for case .start(_, let exchange, _) in left { exchange.finish(failure) }
        if let multi { libcurl_multi_cleanup(multi) }
    }
}
