import Foundation
import TripModel

/// Resolves the addresses of a host, on a thread of its own, so that a cancelled caller need not wait for an answer.
enum HostResolver {
    /// Returns the host's addresses, in the order in which they should be tried.
    static func addresses(of host: String) async throws -> [IPAddress] {
        let answer = Answer()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                answer.awaited(by: continuation)
                Thread.detachNewThread { answer.give(Result { try lookUp(host) }) }
            }
        } onCancel: {
            answer.give(.failure(CancellationError()))
        }
    }

    /// The first of the answer and the cancellation.
    private final class Answer: Sendable {
        private enum State {
            case open
            case awaited(CheckedContinuation<[IPAddress], any Error>)
            case given(Result<[IPAddress], any Error>)
        }
        private let state = Lock(State.open)

        func awaited(by continuation: CheckedContinuation<[IPAddress], any Error>) {
            let early = state.withLock { state -> Result<[IPAddress], any Error>? in
                if case .given(let result) = state { return result }
                state = .awaited(continuation)
                return nil
            }
            if let early { continuation.resume(with: early) }
        }

        func give(_ result: Result<[IPAddress], any Error>) {
            let waiting = state.withLock { state -> CheckedContinuation<[IPAddress], any Error>? in
                defer { if case .given = state {} else { state = .given(result) } }
                if case .awaited(let continuation) = state { return continuation }
                return nil
            }
            waiting?.resume(with: result)
        }
    }

    private static func lookUp(_ host: String) throws -> [IPAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_family = AF_UNSPEC
        var first: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, nil, &hints, &first)
        guard code == 0 else {
            let reason = "the host \(host) is not found (\(String(cString: gai_strerror(code))))"
            if code == EAI_NONAME {
                throw FetchFailure.refusal("There is no host \(host); check the URL.")
            }
            throw FetchFailure.broken(reason)
        }
        defer { freeaddrinfo(first) }
        var addresses: [IPAddress] = []
        var next = first
        while let entry = next?.pointee {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let status = getnameinfo(
                entry.ai_addr, entry.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
            let name = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            // An address with a zone, which has no meaning elsewhere, is ignored.
            if status == 0, let address = IPAddress(name), !addresses.contains(address) { addresses.append(address) }
            next = entry.ai_next
        }
        return addresses
    }
}
