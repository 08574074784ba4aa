import Foundation
import HTTPTransport
import TripModel

/// Distinguishes frozen servers from busy ones: a server that a caller waits for is probed periodically with a cheap request.
///
/// The request is `/ping`; a server that does not answer it either counts as frozen.
///
/// A frozen server keeps its connections, and its machine accepts new ones, so nothing else ends a wait. A query of several
/// shards waits for all of their servers. A frozen server is still probed, and refused to other callers until it answers.
///
/// Steps are counted, not timed, so that a process which was suspended itself takes no server for frozen.
final class ServerWatch: Sendable {
    /// Steps without an answer after which a server counts as frozen: one with all its cores busy answers within one.
    private static let timeoutSteps = 8
    /// Steps that a caller has waited before a server is probed: most answers come sooner.
    private static let firstStep = 2
    private static let stepSeconds = 1.0
    private static let pingTimeout = Duration.seconds(4)

    typealias Address = ClickHouseURL.Address

    private struct Wait {
        var addresses: [Address]
        var steps = 0
        var giveUp: @Sendable (TripstoreError) -> Void
    }

    private struct Silence {
        var steps = 0
        var isAsked = false
        /// Whether other callers are refused.
        var isGivenUp = false
    }

    private struct State {
        var waits: [Int: Wait] = [:]
        var last = 0
        var silences: [Address: Silence] = [:]
        /// Whether a thread is watching.
        var isLooking = false
        var isClosed = false
    }

    private let ping: @Sendable (Address, ContinuousClock.Instant) -> HTTPExchange
    private let loop = BackgroundLoop("tripstore-watch")
    private let state = Lock(State())

    /// - Parameter ping: probes a server; succeeds with any answer.
    init(_ ping: @escaping @Sendable (Address, ContinuousClock.Instant) -> HTTPExchange) { self.ping = ping }

    func close() {
        state.withLock { $0.isClosed = true }
        loop.requestStop()
    }

    /// Returns why none of some servers can be used now; nil if all can.
    func refusal(_ addresses: [Address]) -> TripstoreError? {
        state.withLock { state in
            if state.silences.isEmpty { return nil }
            return addresses.first { state.silences[$0]?.isGivenUp == true }.map(Self.error)
        }
    }

    /// Watches servers for a caller that waits for them; returns the ID that ends the watch.
    ///
    /// - Parameter giveUp: called once, if one of them is frozen.
    func begin(_ addresses: [Address], _ giveUp: @escaping @Sendable (TripstoreError) -> Void) -> Int {
        state.withLock { state in
            state.last += 1
            state.waits[state.last] = Wait(addresses: addresses, giveUp: giveUp)
            start(&state)
            return state.last
        }
    }

    /// Ends a wait.
    ///
    /// - Parameter address: the server that has answered, if one has.
    func end(_ wait: Int, heard address: Address?) {
        state.withLock { state in
            state.waits[wait] = nil
            if let address { state.silences[address] = nil }
        }
    }

    private func start(_ state: inout State) {
        guard !state.isLooking, !state.isClosed else { return }
        state.isLooking = true
        loop.start(after: Self.stepSeconds) { [weak self] in self?.look() == true ? .after(seconds: Self.stepSeconds) : .end }
    }

    /// Makes a step; returns whether there will be another.
    private func look() -> Bool {
        let (pings, ended, isLast) = state.withLock { state in
            for wait in state.waits.keys { state.waits[wait]?.steps += 1 }
            let awaited = state.waits.values.filter { $0.steps >= Self.firstStep }.flatMap(\.addresses)
            let asked = Set(awaited).union(state.silences.filter { $0.value.isGivenUp }.keys)
            var pings: [Address] = []
            for address in state.silences.keys where !asked.contains(address) { state.silences[address] = nil }
            for address in asked {
                var silence = state.silences[address] ?? Silence()
                silence.steps += 1
                if silence.steps > Self.timeoutSteps { silence.isGivenUp = true }
                if !silence.isAsked { pings.append(address) }
                silence.isAsked = true
                state.silences[address] = silence
            }
            var ended: [(giveUp: @Sendable (TripstoreError) -> Void, error: TripstoreError)] = []
            for (number, wait) in state.waits where wait.steps >= Self.timeoutSteps {
                guard let frozen = wait.addresses.first(where: { state.silences[$0]?.isGivenUp == true }) else { continue }
                ended.append((wait.giveUp, Self.error(frozen)))
                state.waits[number] = nil
            }
            let isLast = state.isClosed || asked.isEmpty && state.waits.isEmpty
            if isLast { state.isLooking = false }
            return (pings, ended, isLast)
        }
        for (giveUp, error) in ended { giveUp(error) }
        for address in pings {
            ping(address, .now + Self.pingTimeout).whenDone { [weak self] failure in
                self?.note(address, hasAnswered: failure == nil)
            }
        }
        return !isLast
    }

    private func note(_ address: Address, hasAnswered: Bool) {
        state.withLock { state in
            if hasAnswered { state.silences[address] = nil } else { state.silences[address]?.isAsked = false }
        }
    }

    private static func error(_ address: Address) -> TripstoreError {
        TripstoreError(
            .unavailable, "ClickHouse at \(address) has not answered for \(timeoutSteps) s; is it frozen or overloaded?")
    }
}
