import Foundation
import HTTPTransport
import TripModel

/// A client of ClickHouse's HTTP interface that converts its errors to ours.
///
/// Calls block: they run on threads that are meant to wait.
final class ClickHouseClient: Sendable {
    private let url: ClickHouseURL
    private let http: HTTPClient
    private let watch: ServerWatch

    init(_ url: ClickHouseURL) {
        self.url = url
        var options = HTTPClient.Options()
        options.connectTimeout = .seconds(5)
        // One for each thread that queries, and for those that insert.
        options.connectionCountMax = 64
        // A server closes connections that idle for ten seconds by its own default; one that is closed during a query is an
        // error.
        options.idleSeconds = 2
        if url.isSecure {
            // A user with an own certificate authority names it as for other programs.
            let file = url.rootCertificates ?? ProcessInfo.processInfo.environment["SSL_CERT_FILE"]
            options.rootCertificates = file?.isEmpty == true ? nil : file
        }
        let http = HTTPClient(options)
        self.http = http
        watch = ServerWatch { address, deadline in
            let request = HTTPRequest(url: "\(url.isSecure ? "https" : "http")://\(address)/ping")
            return http.begin(request, deadline: deadline, upTo: Self.answerByteCountMax)
        }
    }

    func close() {
        watch.close()
        http.close()
    }

    /// Maximum waits for an answer: a frozen server never gives one, and its own limits don't help then.
    private enum Timeout {
        static let query = Duration.seconds(300)
        static let insert = Duration.seconds(300)
        static let kill = Duration.seconds(5)
        static let look = Duration.seconds(1)
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
    ) throws(TripstoreError) -> [UInt8] {
        let involved = [address] + others.filter { $0 != address }
        if let refusal = watch.refusal(involved) { throw refusal }
        let id = UUID().uuidString
        // The server buffers the result until it is complete, so that a late error is an error.
        var all = [("wait_end_of_query", "1"), ("max_query_size", "4194304"), ("query_id", id)] + settings
        var timeout = Timeout.query
        if let remaining = cancellation.remaining {
            let left = max(.zero, remaining)
            timeout = min(timeout, left)
            // Rounded up: our own timeout comes first, and gives the reason.
            all.append(("max_execution_time", String(left.components.seconds + 1)))
        }
        let answer = watched(
            involved,
            post(Array(sql.utf8), to: address, all, inDatabase: inDatabase, within: timeout))
        cancellation.onCancel { [weak self] in
            answer.cancel()
            self?.kill(id, at: address)
        }
        do throws(TripstoreError) {
            return try answer.wait()
        } catch {
            // The server may still work on a query whose client is gone, such as while another server is frozen.
            if answer.wasGivenUp { kill(id, at: address) }
            throw error
        }
    }

    /// Starts SQL that a server answers at once; it has a second.
    func look(_ sql: String, at address: ClickHouseURL.Address) -> Answer {
        post(Array(sql.utf8), to: address, [], inDatabase: true, within: Timeout.look)
    }

    /// Aborts a request if one of the servers that it needs is frozen.
    private func watched(_ addresses: [ClickHouseURL.Address], _ answer: Answer) -> Answer {
        guard case .success(let exchange) = answer.exchange else { return answer }
        let silence = answer.silence
        let wait = watch.begin(addresses) { error in
            silence.error = error
            exchange.cancel()
        }
        exchange.whenDone { [watch] failure in watch.end(wait, heard: failure == nil ? answer.address : nil) }
        return answer
    }

    /// Kills a query in a server, without waiting for the result: every user may kill their own.
    private func kill(_ id: String, at address: ClickHouseURL.Address) {
        _ = post(
            Array("KILL QUERY WHERE query_id = '\(id)' ASYNC".utf8), to: address, [], inDatabase: false,
            within: Timeout.kill)
    }

    /// Why nothing was done in a session.
    enum SessionRefusal { case gone, inUse }

    /// Checks whether something could be done in a session now; nil: it could.
    func refusal(
        ofSession settings: [(String, String)], at address: ClickHouseURL.Address
    ) throws(TripstoreError) -> SessionRefusal? {
        let body = Array("SELECT 1 FORMAT RowBinary".utf8)
        return try post(body, to: address, settings, inDatabase: false, within: Timeout.kill).waitInSession()
    }

    /// Starts sending one block to a table of one server.
    func insert(
        _ body: [UInt8], _ statement: String, at address: ClickHouseURL.Address, settings: [(String, String)]
    ) -> Answer {
        if let refusal = watch.refusal([address]) {
            return Answer(address: address, exchange: .failure(refusal))
        }
        return watched(
            [address],
            post(body, to: address, [("query", statement)] + settings, inDatabase: true, within: Timeout.insert))
    }

    /// Maximum bytes of a result: the largest page of regions with the longest names usually takes a quarter of it.
    private static let answerByteCountMax = 256 << 20

    /// Why a request was aborted, shared by its task and the waiting caller.
    fileprivate final class Silence: Sendable {
        private let state = Lock<TripstoreError?>(nil)

        var error: TripstoreError? {
            get { state.withLock { $0 } }
            set { state.withLock { $0 = newValue } }
        }
    }

    /// A pending result.
    struct Answer: Sendable {
        fileprivate let address: ClickHouseURL.Address
        /// A failure: it was not even sent.
        fileprivate let exchange: Result<HTTPExchange, TripstoreError>
        /// Why it was aborted, if it was.
        fileprivate let silence = Silence()

        fileprivate var wasGivenUp: Bool { silence.error != nil }

        /// Abandons the request, and its connection.
        func cancel() { try? exchange.get().cancel() }

        /// Waits for the result, and throws the server's error.
        @discardableResult
        func wait() throws(TripstoreError) -> [UInt8] {
            let (bytes, failure) = try reply()
            if let failure { throw failure.error }
            return bytes
        }

        /// Waits for the result of a request in a session, and throws the server's error.
        ///
        /// Returns the reason if nothing was done because of the session.
        func waitInSession() throws(TripstoreError) -> SessionRefusal? {
            guard let failure = try reply().failure else { return nil }
            guard let refusal = failure.session else { throw failure.error }
            return refusal
        }

        private func reply() throws(TripstoreError) -> (bytes: [UInt8], failure: ClickHouseFailure?) {
            let exchange = try exchange.get()
            let response: HTTPResponse
            do throws(HTTPFailure) {
                response = try exchange.wait()
            } catch {
                if let error = silence.error { throw error }
                if error == .tooLarge {
                    throw TripstoreError(
                        .invalidArgument, "ClickHouse's answer is larger than 256 MiB; ask for less at a time ('limit').")
                }
                // Later it may be a different or a new one: certificates are renewed while jobs wait.
                if case .certificate = error {
                    throw TripstoreError(
                        .unavailable,
                        "The identity of ClickHouse at \(address) cannot be verified: \(error); check the host in DATABASE_URL, its certificate, and "
                            + "sslrootcert, the file of trusted authorities.")
                }
                throw TripstoreError(
                    .unavailable,
                    "ClickHouse at \(address) does not answer (\(error)); is it running and reachable?"
                )
            }
            if response.status == .ok { return (bytes: response.body, failure: nil) }
            let failure = ClickHouseFailure(status: response.status.code, body: response.body, address: address)
            return (bytes: [], failure: failure)
        }
    }

    private func post(
        _ body: [UInt8], to address: ClickHouseURL.Address, _ parameters: [(String, String)], inDatabase: Bool,
        within time: Duration
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
        // An invalid URL is refused as such.
        let request = HTTPRequest(.post, url: components.string ?? "", headers: headers, body: body)
        return Answer(
            address: address, exchange: .success(http.begin(request, deadline: .now + time, upTo: Self.answerByteCountMax)))
    }

    private static func encoded(_ value: String) -> String {
        value.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }
}
