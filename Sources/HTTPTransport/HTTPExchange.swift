import Foundation

/// One request and its response: shared by the client's thread and the waiting caller.
package final class HTTPExchange: @unchecked Sendable {
    /// Bytes of a stream that wait to be read; with more of them the server is made to wait.
    static let bufferedByteCountMax = 512 << 10

    private let loop: TransferLoop
    /// Maximum bytes of a body that is returned as a whole; nil: it is read as it arrives.
    private let byteCountMax: Int?

    // Guarded by the condition.
    private let condition = NSCondition()
    private var start: HTTPResponse?
    private var bytes: [UInt8] = []
    private var isPaused = false
    private var isWhole = false
    private var failure: HTTPFailure?
    /// Grows with each change that a caller may wait for.
    private var changeCount = 0
    private var waiter: CheckedContinuation<Void, Never>?
    private var observers: [@Sendable (HTTPFailure?) -> Void] = []

    init(_ loop: TransferLoop, byteCountMax: Int?) {
        self.loop = loop
        self.byteCountMax = byteCountMax
    }

    // MARK: Waiting callers

    /// Blocks until the response is complete.
    package func wait() throws(HTTPFailure) -> HTTPResponse {
        condition.lock()
        defer { condition.unlock() }
        while true {
            if let whole = try whole() { return whole }
            condition.wait()
        }
    }

    /// Returns the response once it is complete; a cancelled caller cancels it.
    package func response() async throws(HTTPFailure) -> HTTPResponse {
        try await awaited { () throws(HTTPFailure) in try self.whole() }
    }

    /// Abandons a response, and its connection; does nothing if it is complete.
    package func cancel() {
        if finish(.cancelled) { loop.send(.drop(self)) }
    }

    /// Calls `body` once, when the response is complete or has failed; at once if it already is.
    package func whenDone(_ body: @escaping @Sendable (HTTPFailure?) -> Void) {
        let (isOver, failure) = condition.withLock { () -> (Bool, HTTPFailure?) in
            let isOver = isWhole || self.failure != nil
            if !isOver { observers.append(body) }
            return (isOver, self.failure)
        }
        if isOver { body(failure) }
    }

    /// The caller holds the lock.
    private func whole() throws(HTTPFailure) -> HTTPResponse? {
        if let failure { throw failure }
        guard isWhole, var response = start else { return nil }
        response.body = bytes
        return response
    }

    // MARK: Streams

    /// Returns the response without its body, once it has arrived.
    func head() async throws(HTTPFailure) -> HTTPResponse {
        try await awaited { () throws(HTTPFailure) in
            if let failure = self.failure, self.start == nil || failure == .cancelled { throw failure }
            return self.start
        }
    }

    /// Returns the next bytes; nil at the end.
    func next() async throws(HTTPFailure) -> [UInt8]? {
        let (bytes, wasPaused) = try await awaited { () throws(HTTPFailure) in try self.take() }
        if wasPaused { loop.send(.resume(self)) }
        return bytes
    }

    /// Returns some bytes, and whether more have waited for that; no bytes at the end.
    ///
    /// Bytes that arrived before a failure precede it. The caller holds the lock.
    private func take() throws(HTTPFailure) -> (bytes: [UInt8]?, wasPaused: Bool)? {
        if failure == .cancelled { throw .cancelled }
        if !bytes.isEmpty {
            defer { (bytes, isPaused) = ([], false) }
            return (bytes: bytes, wasPaused: isPaused)
        }
        if let failure { throw failure }
        return isWhole ? (bytes: nil, wasPaused: false) : nil
    }

    /// Checks whenever something has changed, until there is a result.
    private func awaited<Value: Sendable>(
        _ look: @Sendable () throws(HTTPFailure) -> Value?
    ) async throws(HTTPFailure) -> Value {
        let result: Result<Value, HTTPFailure> = await withTaskCancellationHandler {
            while true {
                let (seen, changeCount) = condition.withLock {
                    (Result { () throws(HTTPFailure) in try look() }, self.changeCount)
                }
                switch seen {
                case .success(let value?): return .success(value)
                case .failure(let failure): return .failure(failure)
                case .success(nil): await change(after: changeCount)
                }
            }
        } onCancel: {
            cancel()
        }
        return try result.get()
    }

    private func change(after seenCount: Int) async {
        await withCheckedContinuation { continuation in
            let isMissed = condition.withLock {
                if changeCount == seenCount { waiter = continuation }
                return changeCount != seenCount
            }
            if isMissed { continuation.resume() }
        }
    }

    // MARK: The client's thread

    /// Whether nobody waits for more of it.
    var isOver: Bool { condition.withLock { isWhole || failure != nil } }

    /// Receives the head of a response; `tell` wakes the waiting caller.
    func begin(_ response: HTTPResponse) {
        condition.withLock {
            start = response
            changeCount += 1
        }
    }

    enum Taken { case all, nothingYet, tooMuch }

    /// Receives bytes of the body; those of a stream that nobody reads must wait.
    func append(_ more: UnsafeRawBufferPointer) -> Taken {
        condition.withLock {
            if let byteCountMax {
                if bytes.count + more.count > byteCountMax { return .tooMuch }
            } else if bytes.count >= Self.bufferedByteCountMax {
                isPaused = true
                return .nothingYet
            }
            bytes.append(contentsOf: more)
            changeCount += 1
            return .all
        }
    }

    /// Wakes the caller that waits for a head or bytes.
    func tell() { condition.withLock { waiter.take() }?.resume() }

    /// Ends it, unless it has ended; returns whether it had not.
    ///
    /// - Parameter failure: nil if the response is complete.
    @discardableResult
    func finish(_ failure: HTTPFailure?) -> Bool {
        let told = condition.withLock { () -> (CheckedContinuation<Void, Never>?, [@Sendable (HTTPFailure?) -> Void])? in
            if isWhole || self.failure != nil { return nil }
            self.failure = failure
            isWhole = failure == nil
            changeCount += 1
            condition.broadcast()
            defer { observers = [] }
            return (waiter.take(), observers)
        }
        guard let (waiter, observers) = told else { return false }
        waiter?.resume()
        for observer in observers { observer(failure) }
        return true
    }
}
