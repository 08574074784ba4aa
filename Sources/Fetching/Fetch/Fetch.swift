import HTTPTransport
import TripModel

/// One fetch: from a source to a file.
///
/// In pieces over several connections, if the source can prove that they belong together, else in one stream.
final class Fetch: Sendable {
    private let client: SourceClient
    private let file: PieceFile
    private let options: FetcherOptions
    private let watch: FetchWatch
    private let reporting: Lock<@Sendable (FetchProgress) -> Void>

    init(
        _ client: SourceClient, into file: PieceFile, options: FetcherOptions, watch: FetchWatch,
        report: @escaping @Sendable (FetchProgress) -> Void
    ) {
        self.client = client
        self.file = file
        self.options = options
        self.watch = watch
        reporting = Lock(report)
    }

    private var shown: String { client.source.shown }

    /// Runs until the file is complete, or cannot be fetched.
    func run() async throws {
        do {
            try await fetchWhole()
        } catch {
            // A partial stream cannot be resumed.
            if file.pieces == nil { try? file.reset() }
            throw error
        }
    }

    private func fetchWhole() async throws {
        var timeout = Timeout(options)
        var changeCount = 0
        while true {
            do {
                if let known = file.pieces {
                    return try await fetchPieces(known.validator, known.ledger, first: nil)
                }
                return try await begin()
            } catch FetchFailure.changed {
                changeCount += 1
                guard changeCount <= FetchLimits.changeCountMax else {
                    throw FetchFailure.refusal(
                        "The file at \(shown) keeps changing while it is fetched; submit it when it is complete.")
                }
                try file.reset()
            } catch FetchFailure.broken(let reason, let retryAfter) {
                // A stream cannot be resumed: its bytes are no progress.
                if file.pieces == nil { try file.reset() }
                try await timeout.lose(because: reason, shown, retryAfter, reportRetry)
            }
        }
    }

    private func begin() async throws {
        try file.reset()
        let response = try await client.get(0..<options.pieceByteCount, ifStill: nil)
        let range = ContentRange(response.headers)
        switch response.status.code {
        case 206:
            guard let range, let bytes = range.bytes, bytes.lowerBound == 0 else {
                throw Self.lie(shown, "other bytes than requested")
            }
            guard let total = range.totalByteCount, let validator = Validator(response.headers) else { break }
            // The ledger has an integer for each piece: a server's claim must not create it before there is room for the file.
            guard total / options.pieceByteCount < FetchLimits.pieceCountMax else {
                throw Self.lie(shown, "an impossible size (\(total.grouped) bytes)")
            }
            try file.requireRoom(for: total)
            let ledger = PieceLedger(totalByteCount: total, pieceByteCount: options.pieceByteCount)
            try file.begin(ledger, validator)
            return try await fetchPieces(validator, ledger, first: response)
        case 416 where range?.totalByteCount == 0:
            // A file without bytes has no first one.
            report(totalByteCount: 0)
            return
        case 200: return try await stream(response)
        default: break
        }
        // Pieces that nothing proves to be of one file are not put together.
        let whole = try await client.get(nil, ifStill: nil)
        guard whole.status == .ok else { throw Self.lie(shown, "a part of the file although all of it was requested") }
        try await stream(whole)
    }

    private func stream(_ response: HTTPStream) async throws {
        let total = response.headers.first(name: "Content-Length").flatMap { Int($0) }
        if let total { try file.requireRoom(for: total) }
        report(totalByteCount: total)
        try await receive(response) {
            try file.append($0)
            report(totalByteCount: total)
        }
        if let total, total != file.byteCount { throw FetchFailure.broken("the connection broke off") }
    }

    // MARK: Pieces

    private func fetchPieces(_ validator: Validator, _ ledger: PieceLedger, first: HTTPStream?) async throws {
        let missing = (0..<ledger.pieceCount).filter { ledger.missing(of: $0) != nil }
        report(totalByteCount: ledger.totalByteCount)
        let queue = PieceQueue(missing, first: first)
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<min(options.connectionCount, missing.count) {
                    group.addTask { [self] in
                        while let (piece, response) = queue.next() { try await fetch(piece, validator, response) }
                    }
                }
                // The first failure ends the others.
                for try await _ in group {}
            }
        } catch {
            // For the fetch that resumes from here.
            try? file.note()
            throw error
        }
    }

    private func fetch(_ piece: Int, _ validator: Validator, _ first: HTTPStream?) async throws {
        var timeout = Timeout(options)
        var response = first
        while let (known, ledger) = file.pieces, known == validator, let missing = ledger.missing(of: piece) {
            do {
                let answer: HTTPStream
                if let response { answer = response } else { answer = try await client.get(missing, ifStill: validator) }
                response = nil
                try await receive(answer, missing, of: ledger.totalByteCount, piece, validator)
                timeout = Timeout(options)
            } catch FetchFailure.broken(let reason, let retryAfter) {
                response = nil
                let left = file.pieces?.ledger.missing(of: piece)
                if left?.count ?? 0 < missing.count { timeout = Timeout(options) }
                try await timeout.lose(because: reason, shown, retryAfter, reportRetry)
            }
        }
    }

    private func receive(
        _ response: HTTPStream, _ wanted: Range<Int>, of totalByteCount: Int, _ piece: Int, _ validator: Validator
    ) async throws {
        // A server answers with the whole file if it is no longer the same.
        guard response.status.code == 206 else { throw FetchFailure.changed }
        guard let range = ContentRange(response.headers), let bytes = range.bytes, bytes.lowerBound == wanted.lowerBound,
            bytes.upperBound <= wanted.upperBound
        else { throw Self.lie(shown, "other bytes than requested") }
        guard range.totalByteCount == totalByteCount, validator.matches(response.headers) else { throw FetchFailure.changed }
        if let length = response.headers.first(name: "Content-Length"), Int(length) != bytes.count {
            throw Self.lie(shown, "a different number of bytes than announced")
        }
        var left = bytes.count
        try await receive(response) { buffer in
            left -= buffer.count
            guard left >= 0 else { throw Self.lie(shown, "more bytes than announced") }
            try file.write(buffer, piece: piece)
            report(totalByteCount: totalByteCount)
        }
        if left > 0 { throw FetchFailure.broken("the connection broke off") }
    }

    /// Passes on the bytes of a body in pieces that are worth a write.
    private func receive(_ response: HTTPStream, _ take: ([UInt8]) throws -> Void) async throws {
        var gathered: [UInt8] = []
        var failure: (any Error)?
        do {
            while let buffer = try await response.body.next() {
                watch.receive(buffer.count)
                if gathered.isEmpty { gathered = buffer } else { gathered += buffer }
                if gathered.count >= FetchLimits.writeByteCount {
                    try take(gathered)
                    gathered = []
                }
            }
        } catch {
            failure = SourceClient.failure(of: error, stallTimeout: options.stallTimeout)
        }
        // Bytes that arrived before a connection broke count.
        if !gathered.isEmpty, !(failure is TripstoreError) { try take(gathered) }
        if let failure { throw failure }
        try Task.checkCancellation()
    }

    private static func lie(_ shown: String, _ what: String) -> FetchFailure {
        .refusal("The server sends \(what) for \(shown), so the file cannot be trusted; get it from another server.")
    }

    /// Reports that an attempt failed and when the next one begins.
    private func reportRetry(_ retry: String) {
        let total = file.pieces?.ledger.totalByteCount
        reporting.withLock { $0(FetchProgress(fetchedBytes: file.byteCount, totalBytes: total, retry: retry)) }
    }

    private func report(totalByteCount: Int?) {
        reporting.withLock { $0(FetchProgress(fetchedBytes: file.byteCount, totalBytes: totalByteCount)) }
    }
}

/// Pieces that are not being fetched yet.
private final class PieceQueue: Sendable {
    private let state: Lock<(pieces: ArraySlice<Int>, first: HTTPStream?)>

    /// - Parameter first: a response that has the first piece.
    init(_ pieces: [Int], first: HTTPStream?) { state = Lock((pieces[...], first)) }

    /// Returns the next piece, with a response that has it if there is one.
    func next() -> (piece: Int, response: HTTPStream?)? {
        state.withLock { state in
            guard let piece = state.pieces.popFirst() else { return nil }
            return (piece, piece == 0 ? state.first.take() : nil)
        }
    }
}

/// How often to retry, and when.
private struct Timeout {
    private let options: FetcherOptions
    private var fruitlessAttemptCount = 0
    private var backoff: Backoff

    init(_ options: FetcherOptions) {
        self.options = options
        backoff = Backoff(from: options.firstDelay, to: FetchLimits.delayMax)
    }

    /// Records a failed attempt, and waits for the next; throws if there should be none.
    ///
    /// - Parameter tell: receives, before the wait, when the next attempt begins, and why.
    mutating func lose(
        because reason: String, _ shown: String, _ retryAfter: Duration?, _ tell: (String) -> Void
    ) async throws {
        fruitlessAttemptCount += 1
        guard fruitlessAttemptCount < options.fruitlessAttemptCountMax else {
            throw FetchFailure.refused(
                TripstoreError(
                    .unavailable,
                    "\(shown) could not be fetched in \(fruitlessAttemptCount) attempts: \(reason)."
                ))
        }
        let delay = min(max(backoff.next(), retryAfter ?? .zero), FetchLimits.delayMax)
        let seconds = Int((delay / .seconds(1)).rounded(.up))
        tell("in \(seconds) s (attempt \(fruitlessAttemptCount + 1) of \(options.fruitlessAttemptCountMax)): \(reason)")
        try await Task.sleep(for: delay)
    }
}
