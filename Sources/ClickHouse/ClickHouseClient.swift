import AsyncHTTPClient
import ColumnStore
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// A client of ClickHouse's HTTP interface that converts its errors to ours.
///
/// Calls block: they run on threads that are meant to wait.
final class ClickHouseClient: Sendable {
    private let url: ClickHouseURL
    private let http: HTTPClient
    private let watch: ServerWatch

    init(_ url: ClickHouseURL) {
        self.url = url
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = .seconds(5)
        configuration.redirectConfiguration = .disallow
        // An absent server is reported at once, since there may be another one to query.
        configuration.connectionPool.retryConnectionEstablishment = false
        // One for each thread that queries, and for those that insert.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        // A server closes connections that idle for ten seconds by its own default; one that is closed during a query is an
        // error.
        configuration.connectionPool.idleTimeout = .seconds(2)
        if url.isSecure {
            var trust = TLSConfiguration.makeClientConfiguration()
            // A user with an own certificate authority names it as for other programs.
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

    /// Maximum waits for an answer: a frozen server never gives one, and its own limits don't help then.
    private enum Patience {
        static let question = TimeAmount.seconds(300)
        static let insert = TimeAmount.seconds(300)
        static let kill = TimeAmount.seconds(5)
        static let look = TimeAmount.seconds(1)
    }

    /// Runs SQL on one server and returns the bytes of the result, in the format that the SQL names.
    ///
    /// - Parameters:
    ///   - inDatabase: whether it uses the database of the URL, which may not exist yet.
    ///   - others: servers that this one queries in turn: while one of them is frozen no answer comes.
    ///   - cancellation: ends the query, here and in the server, which would not notice by itself.
    func query(
        _ sql: String, at address: ClickHouseURL.Address, settings: [(String, String)] = [], inDatabase: Bool = true,
        asking others: [ClickHouseURL.Address] = [], cancellation: QueryCancellation = QueryCancellation()
    ) throws(ColumnStoreError) -> [UInt8] {
        let involved = [address] + others.filter { $0 != address }
        if let refusal = watch.refusal(involved) { throw refusal }
        let id = UUID().uuidString
        // The server buffers the result until it is complete, so that a late error is an error.
        var all = [("wait_end_of_query", "1"), ("max_query_size", "4194304"), ("query_id", id)] + settings
        var patience = Patience.question
        if let remaining = cancellation.remaining {
            let left = max(.zero, remaining)
            patience = min(patience, TimeAmount(left))
            // Rounded up: our own timeout comes first, and gives the reason.
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
            // The server may still work on a query whose client is gone, such as while another server is frozen.
            if answer.wasGivenUp { kill(id, at: address) }
            throw error
        }
    }

    /// Starts SQL that a server answers at once; it has a second.
    func look(_ sql: String, at address: ClickHouseURL.Address) -> Answer {
        post(ByteBuffer(string: sql), to: address, [], inDatabase: true, deadline: .now() + Patience.look)
    }

    /// Aborts a request if one of the servers that it needs is frozen.
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

    /// Kills a query in a server, without waiting for the result: every user may kill their own.
    private func kill(_ id: String, at address: ClickHouseURL.Address) {
        _ = post(
            ByteBuffer(string: "KILL QUERY WHERE query_id = '\(id)' ASYNC"), to: address, [], inDatabase: false,
            deadline: .now() + Patience.kill)
    }

    /// Why nothing was done in a session.
    enum SessionRefusal { case gone, inUse }

    /// Checks whether something could be done in a session now; nil: it could.
    func refusal(
        ofSession settings: [(String, String)], at address: ClickHouseURL.Address
    ) throws(ColumnStoreError) -> SessionRefusal? {
        let body = ByteBuffer(string: "SELECT 1 FORMAT RowBinary")
        return try post(body, to: address, settings, inDatabase: false, deadline: .now() + Patience.kill).waitInSession()
    }

    /// Starts sending one block to a table of one server.
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

    /// Maximum bytes of a result: the largest page of regions with the longest names usually takes a quarter of it.
    private static let answerByteCountMax = 256 << 20

    /// Why a request was aborted, shared by its task and the waiting caller.
    fileprivate final class Silence: Sendable {
        private let state = Lock<ColumnStoreError?>(nil)

        var error: ColumnStoreError? {
            get { state.withLock { $0 } }
            set { state.withLock { $0 = newValue } }
        }
    }

    /// A pending result.
    struct Answer: Sendable {
        fileprivate let address: ClickHouseURL.Address
        fileprivate let response: EventLoopFuture<HTTPClient.Response>
        fileprivate var task: HTTPClient.Task<HTTPClient.Response>?
        /// Why it was aborted, if it was.
        fileprivate let silence = Silence()

        fileprivate var wasGivenUp: Bool { silence.error != nil }

        /// Abandons the request, and its connection.
        func cancel() { task?.cancel() }

        /// Waits for the result, and throws the server's error.
        @discardableResult
        func wait() throws(ColumnStoreError) -> [UInt8] {
            let (bytes, failure) = try reply()
            if let failure { throw failure.error }
            return bytes
        }

        /// Waits for the result of a request in a session, and throws the server's error.
        ///
        /// Returns the reason if nothing was done because of the session.
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
                // Later it may be a different or a new one: certificates are renewed while jobs wait.
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

    /// Returns what is wrong with a server's certificate; nil if the failure is another one.
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
