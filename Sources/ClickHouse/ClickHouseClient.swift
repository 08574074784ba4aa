import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import TripModel

/// Speaks ClickHouse's HTTP interface, and turns what it says into errors of ours.
///
/// Calls block: they are made on threads that are meant to wait.
final class ClickHouseClient: Sendable {
    private let url: ClickHouseURL
    private let http: HTTPClient
    private let watch: ServerWatch

    init(_ url: ClickHouseURL) {
        self.url = url
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = .seconds(5)
        configuration.redirectConfiguration = .disallow
        // A server that is not there is said to be at once, as there may be another one to ask.
        configuration.connectionPool.retryConnectionEstablishment = false
        // One for each thread that asks, and those that store.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        // A server closes what idles for ten seconds by its own default; one that is closed under a question is an error.
        configuration.connectionPool.idleTimeout = .seconds(2)
        if url.isSecure {
            var trust = TLSConfiguration.makeClientConfiguration()
            // Who has a certificate authority of their own names it as they do for other programs.
            if let file = url.rootCertificates ?? ProcessInfo.processInfo.environment["SSL_CERT_FILE"], !file.isEmpty {
                trust.trustRoots = .file(file)
            }
            configuration.tlsConfiguration = trust
        }
        let http = HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: configuration)
        self.http = http
        watch = ServerWatch { address, deadline in
            http.get(url: "\(url.isSecure ? "https" : "http")://\(address)/ping", deadline: deadline).map { _ in }
        }
    }

    func close() {
        watch.close()
        try? http.syncShutdown()
    }

    /// Longest wait for an answer: a server that is frozen never gives one, and its own limits don't help then.
    private enum Patience {
        static let question = TimeAmount.seconds(300)
        static let insert = TimeAmount.seconds(300)
        static let kill = TimeAmount.seconds(5)
        static let look = TimeAmount.seconds(1)
    }

    /// Asks SQL of one server and returns the answer's bytes, in the format that the SQL names.
    ///
    /// - Parameters:
    ///   - inDatabase: whether it is about the database of the URL, which may not be there yet.
    ///   - others: servers that this one asks in turn: while one of them is frozen no answer comes.
    ///   - cancellation: what ends it, here and in the server, which would not notice by itself.
    func query(
        _ sql: String, at address: ClickHouseURL.Address, settings: [(String, String)] = [], inDatabase: Bool = true,
        asking others: [ClickHouseURL.Address] = [], cancellation: QueryCancellation = QueryCancellation()
    ) throws(ColumnStoreError) -> [UInt8] {
        let involved = [address] + others.filter { $0 != address }
        if let refusal = watch.refusal(involved) { throw refusal }
        let id = UUID().uuidString
        // The answer is kept by the server until it is whole, so that an error that comes late is an error.
        var all = [("wait_end_of_query", "1"), ("max_query_size", "4194304"), ("query_id", id)] + settings
        var patience = Patience.question
        if let remaining = cancellation.remaining {
            let left = max(.zero, remaining)
            patience = min(patience, TimeAmount(left))
            // Rounded up: the end of our own time comes first, and says why.
            all.append(("max_execution_time", String(left.components.seconds + 1)))
        }
        let answer = watched(
            involved,
            post(ByteBuffer(string: sql), to: address, all, inDatabase: inDatabase, deadline: .now() + patience))
        cancellation.onCancel { [weak self] in
            answer.cancel()
            self?.kill(id, at: address)
        }
        do throws(ColumnStoreError) {
            return try answer.wait()
        } catch {
            // The server may still work on what nobody waits for any more, as while another one is frozen.
            if answer.wasGivenUp { kill(id, at: address) }
            throw error
        }
    }

    /// Begins to ask SQL that a server answers at once; it has a second.
    func look(_ sql: String, at address: ClickHouseURL.Address) -> Answer {
        post(ByteBuffer(string: sql), to: address, [], inDatabase: true, deadline: .now() + Patience.look)
    }

    /// Gives an answer up where one of the servers that it needs is frozen.
    private func watched(_ addresses: [ClickHouseURL.Address], _ answer: Answer) -> Answer {
        guard let task = answer.task else { return answer }
        let silence = answer.silence
        let wait = watch.begin(addresses) { error in
            silence.error = error
            task.cancel()
        }
        answer.response.whenComplete { [watch] result in
            let isHeard = (try? result.get()) != nil
            watch.end(wait, heard: isHeard ? answer.address : nil)
        }
        return answer
    }

    /// Ends a query in a server, without a wait for that: every user may end the own ones.
    private func kill(_ id: String, at address: ClickHouseURL.Address) {
        _ = post(
            ByteBuffer(string: "KILL QUERY WHERE query_id = '\(id)' ASYNC"), to: address, [], inDatabase: false,
            deadline: .now() + Patience.kill)
    }

    /// Why nothing was done in a session.
    enum SessionRefusal { case gone, inUse }

    /// Asks whether something could be done in a session now; nil: it could.
    func refusal(
        ofSession settings: [(String, String)], at address: ClickHouseURL.Address
    ) throws(ColumnStoreError) -> SessionRefusal? {
        let body = ByteBuffer(string: "SELECT 1 FORMAT RowBinary")
        return try post(body, to: address, settings, inDatabase: false, deadline: .now() + Patience.kill).waitInSession()
    }

    /// Begins to send one block to a table of one server.
    func insert(
        _ body: ByteBuffer, _ statement: String, at address: ClickHouseURL.Address, settings: [(String, String)]
    ) -> Answer {
        if let refusal = watch.refusal([address]) {
            return Answer(address: address, response: http.eventLoopGroup.next().makeFailedFuture(refusal))
        }
        return watched(
            [address],
            post(body, to: address, [("query", statement)] + settings, inDatabase: true, deadline: .now() + Patience.insert))
    }

    /// Most bytes of an answer: the largest page of regions with the longest names is a quarter of it as a rule.
    private static let answerByteCountMax = 256 << 20

    /// Why an answer was given up, which is known to its task and to who waits.
    fileprivate final class Silence: Sendable {
        private let state = Lock<ColumnStoreError?>(nil)

        var error: ColumnStoreError? {
            get { state.withLock { $0 } }
            set { state.withLock { $0 = newValue } }
        }
    }

    /// An answer that is awaited.
    struct Answer: Sendable {
        fileprivate let address: ClickHouseURL.Address
        fileprivate let response: EventLoopFuture<HTTPClient.Response>
        fileprivate var task: HTTPClient.Task<HTTPClient.Response>?
        /// Why it was given up, if it was.
        fileprivate let silence = Silence()

        fileprivate var wasGivenUp: Bool { silence.error != nil }

        /// Lets the answer go, and the connection with it.
        func cancel() { task?.cancel() }

        /// Waits for the answer, and throws what the server refuses.
        @discardableResult
        func wait() throws(ColumnStoreError) -> [UInt8] {
            let (bytes, failure) = try reply()
            if let failure { throw failure.error }
            return bytes
        }

        /// Waits for the answer to what was sent in a session, and throws what the server refuses; returns whether nothing was done for
        /// the session's sake.
        func waitInSession() throws(ColumnStoreError) -> SessionRefusal? {
            guard let failure = try reply().failure else { return nil }
            guard let refusal = failure.session else { throw failure.error }
            return refusal
        }

        private func reply() throws(ColumnStoreError) -> (bytes: [UInt8], failure: ClickHouseFailure?) {
            let response: HTTPClient.Response
            do {
                response = try self.response.wait()
            } catch is ResponseAccumulator.ResponseTooBigError {
                throw ColumnStoreError(
                    .invalidArgument, "ClickHouse's answer is larger than 256 MiB; ask for less at a time ('limit').")
            } catch let error as ColumnStoreError {
                throw error
            } catch {
                if let error = silence.error { throw error }
                // Later it may be another's, or a new one: certificates are renewed while loads wait.
                if let fault = ClickHouseClient.certificateFault(error) {
                    throw ColumnStoreError(
                        .unavailable,
                        "ClickHouse at \(address) may be another's: \(fault); check the host in DATABASE_URL, its certificate, and "
                            + "sslrootcert, the file of authorities that are believed.")
                }
                throw ColumnStoreError(
                    .unavailable,
                    "ClickHouse at \(address) does not answer (\(ClickHouseClient.reason(error))); is it running and reachable?"
                )
            }
            let bytes = response.body.map { [UInt8]($0.readableBytesView) } ?? []
            if response.status == .ok { return (bytes: bytes, failure: nil) }
            return (bytes: [], failure: ClickHouseFailure(status: response.status.code, body: bytes, address: address))
        }
    }

    private func post(
        _ body: ByteBuffer, to address: ClickHouseURL.Address, _ parameters: [(String, String)], inDatabase: Bool,
        deadline: NIODeadline
    ) -> Answer {
        var components = URLComponents()
        components.scheme = url.isSecure ? "https" : "http"
        components.host = address.host
        components.port = address.port
        components.path = "/"
        let pairs = (inDatabase ? [("database", url.database)] : []) + parameters
        components.percentEncodedQuery = pairs.map { "\($0)=\(Self.encoded($1))" }.joined(separator: "&")
        var headers = HTTPHeaders()
        if let user = url.user {
            headers.add(name: "X-ClickHouse-User", value: user)
            headers.add(name: "X-ClickHouse-Key", value: url.password ?? "")
        }
        do {
            guard let text = components.string else { throw HTTPClientError.invalidURL }
            let request = try HTTPClient.Request(url: text, method: .POST, headers: headers, body: .byteBuffer(body))
            let accumulator = ResponseAccumulator(request: request, maxBodySize: Self.answerByteCountMax)
            let task = http.execute(request: request, delegate: accumulator, deadline: deadline)
            return Answer(address: address, response: task.futureResult, task: task)
        } catch {
            return Answer(address: address, response: http.eventLoopGroup.next().makeFailedFuture(error))
        }
    }

    private static func encoded(_ value: String) -> String {
        value.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }

    /// What is wrong with a server's certificate; nil where the failure is another one.
    private static func certificateFault(_ error: any Error) -> String? {
        let text = String(describing: error)
        if text.contains("CERTIFICATE_VERIFY_FAILED") { return "its certificate is by nobody who is believed, or has ended" }
        if text.contains("failedToValidateHostname") || text.contains("unableToValidateCertificate") {
            return "its certificate is for another host"
        }
        if text.contains("failedToLoadCertificate") || text.contains("noSuchFilesystemObject") {
            return "the file of authorities cannot be read"
        }
        return nil
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as HTTPClientError: error.shortDescription
        case let error as IOError: String(cString: strerror(error.errnoCode))
        case let error as NIOConnectionError: error.connectionErrors.first.map { reason($0.error) } ?? "\(error)"
        default: "\(error)"
        }
    }
}
