import CCurl

/// Requests in progress, and those that wait for their turn.
///
/// Only the loop's thread uses it.
final class TransferTable {
    private struct Waiting {
        var request: HTTPRequest
        var exchange: HTTPExchange
        var deadline: ContinuousClock.Instant?
    }

    private let multi: UnsafeMutableRawPointer
    private let options: HTTPClient.Options
    private var transfers: [ObjectIdentifier: Transfer] = [:]
    private var exchanges: [UnsafeMutableRawPointer: HTTPExchange] = [:]
    private var waiting: [Waiting] = []
    private var counts: [String: Int] = [:]

    init(_ multi: UnsafeMutableRawPointer, _ options: HTTPClient.Options) {
        self.multi = multi
        self.options = options
    }

    var isEmpty: Bool { transfers.isEmpty && waiting.isEmpty }

    func follow(_ command: TransferLoop.Command) {
        switch command {
        case .start(let request, let exchange, let deadline):
            waiting.append(Waiting(request: request, exchange: exchange, deadline: deadline))
        case .resume(let exchange): transfers[ObjectIdentifier(exchange)]?.resume()
        case .drop(let exchange): remove(exchange)
        }
    }

    /// Starts, continues and ends what can be; returns when there is something to do even if nothing arrives.
    func move() -> ContinuousClock.Instant? {
        beginWaiting()
        while true {
            _ = libcurl_multi_perform(multi)
            var hasEnded = false
            var code = CURLE_OK
            while let handle = libcurl_multi_take_done(multi, &code) {
                guard let exchange = exchanges[handle], let transfer = transfers[ObjectIdentifier(exchange)] else { continue }
                let failure = transfer.failure(code)
                remove(exchange)
                exchange.finish(failure)
                hasEnded = true
            }
            let now = ContinuousClock.now
            for transfer in Array(transfers.values) {
                guard let failure = transfer.look(at: now) else { continue }
                remove(transfer.exchange)
                transfer.exchange.finish(failure)
                hasEnded = true
            }
            if !(hasEnded && beginWaiting()) { break }
        }
        return (transfers.values.map(\.nextLook) + waiting.map(\.deadline)).compactMap(\.self).min()
    }

    func endAll(_ failure: HTTPFailure) {
        for exchange in Array(exchanges.values) + waiting.map(\.exchange) {
            remove(exchange)
            exchange.finish(failure)
        }
        waiting = []
    }

    /// Starts requests whose turn it is; returns whether there were any.
    @discardableResult
    private func beginWaiting() -> Bool {
        var hasBegun = false
        var rest: [Waiting] = []
        for next in waiting where !next.exchange.isOver {
            if counts[next.request.origin, default: 0] >= options.connectionCountMax {
                if let deadline = next.deadline, deadline <= .now {
                    next.exchange.finish(.deadlineExceeded)
                } else {
                    rest.append(next)
                }
                continue
            }
            let transfer = Transfer(next.request, next.exchange, deadline: next.deadline, options)
            guard let transfer, libcurl_multi_add_handle(multi, transfer.handle) == CURLM_OK else {
                next.exchange.finish(.other("there is no memory for a connection"))
                continue
            }
            transfers[ObjectIdentifier(next.exchange)] = transfer
            exchanges[transfer.handle] = next.exchange
            counts[transfer.origin, default: 0] += 1
            hasBegun = true
        }
        waiting = rest
        return hasBegun
    }

    private func remove(_ exchange: HTTPExchange) {
        guard let transfer = transfers.removeValue(forKey: ObjectIdentifier(exchange)) else { return }
        exchanges[transfer.handle] = nil
        let count = counts[transfer.origin, default: 1] - 1
        counts[transfer.origin] = count > 0 ? count : nil
        _ = libcurl_multi_remove_handle(multi, transfer.handle)
    }
}
