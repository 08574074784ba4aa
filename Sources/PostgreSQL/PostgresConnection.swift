import CPostgreSQL
import Foundation
import TripModel

/// One connection to PostgreSQL, for one thread at a time: libpq behind values.
///
/// Parameters and results travel as text, so that nothing here depends on a type's binary form.
final class PostgresConnection: @unchecked Sendable {
    private let handle: OpaquePointer
    private let answerSeconds: Int
    /// Changes if another server answers, the same one was restarted, or the database was created again.
    private(set) var identity = ""
    /// Whether a request was aborted whose answer may still come.
    private var hasGivenUp = false

    /// Connects; throws `.unavailable` if no server answers or accepts the login.
    ///
    /// - Parameter name: the name of the connection in the server.
    init(_ url: PostgresURL, name: String) throws(TripstoreError) {
        // Our settings come first, so that the same ones in the URL take precedence: a host that vanishes is noticed within
        // seconds.
        let options = [
            ("connect_timeout", "5"), ("tcp_user_timeout", "10000"), ("keepalives_idle", "10"), ("keepalives_interval", "5"),
            ("keepalives_count", "3"), ("client_encoding", "UTF8"), ("dbname", url.connectionString),
        ]
        let handle = Self.withStrings(options.map { $0.0 }) { names in
            Self.withStrings(options.map { $0.1 }) { values in libpq_connectdb_params(names, values, 1) }
        }
        guard let handle else { throw TripstoreError(.unavailable, "There is no memory for a connection to PostgreSQL.") }
        self.handle = handle
        answerSeconds = url.answerSeconds
        guard Self.isConnected(handle) else {
            let message = Self.message(of: handle)
            if message.contains("certificate") {
                throw TripstoreError(
                    .unavailable,
                    "The identity of PostgreSQL, which keeps the jobs, cannot be verified (\(message)); check the host in CATALOG_URL, its certificate, "
                        + "and sslrootcert, the file of trusted authorities.")
            }
            throw TripstoreError(
                .unavailable,
                "PostgreSQL, which keeps the jobs, does not answer (\(message)); is it running and reachable?")
        }
        _ = libpq_set_notice_processor(handle, { _, _ in }, nil)
        _ = libpq_set_nonblocking(handle, 1)
        // A process that is frozen within a transaction must not block the others for ever.
        let row = try execute(
            """
            SELECT set_config('application_name', $1, false), set_config('idle_in_transaction_session_timeout', '10s', false),
                concat_ws(' ', pg_postmaster_start_time(),
                    (SELECT oid FROM pg_database WHERE datname = current_database()))
            """, [name]
        ).first
        identity = row?.text(2) ?? ""
    }

    deinit { libpq_finish(handle) }

    /// The password that was used, from wherever libpq had it; empty if none was required.
    var password: String { libpq_pass(handle).map { String(cString: $0) } ?? "" }

    /// Whether the server has hung up, as far as is known without a request.
    var isBroken: Bool {
        // No request is in progress, so whatever can be read is a farewell, or the end.
        hasGivenUp || waits(for: POLLIN, milliseconds: 0) || !Self.isConnected(handle)
    }

    /// Runs a statement and returns its rows.
    func execute(_ sql: String, _ parameters: [(any PostgresValue)?] = []) throws(TripstoreError) -> PostgresRows {
        let texts = parameters.map { $0?.postgresText }
        return try result(
            Self.withStrings(texts) { values in
                libpq_send_query_params(handle, sql, Int32(texts.count), nil, values, nil, nil, 0)
            })
    }

    /// Runs statements that take no parameters and return nothing of interest.
    func run(_ sql: String) throws(TripstoreError) {
        _ = try result(libpq_send_query(handle, sql))
    }

    /// Waits for the results of what was sent, and returns the last: of several statements, the first that fails is the last.
    ///
    /// libpq's own calls have no timeout, so they never return if the server's process is frozen while its machine responds.
    /// What was sent may have been executed then, as when a connection breaks.
    private func result(_ isSent: Int32) throws(TripstoreError) -> PostgresRows {
        guard isSent == 1 else { throw failure(nil) }
        let end = ContinuousClock.now + .seconds(answerSeconds)
        var rows: PostgresRows?
        while let result = try nextResult(before: end) { rows = PostgresRows(result) }
        guard let rows else { throw failure(nil) }
        guard Self.isSuccess(libpq_result_status(rows.handle)) else { throw failure(rows.handle) }
        return rows
    }

    /// The steps are those that https://www.postgresql.org/docs/current/libpq-async.html names for a socket that does not block.
    private func nextResult(before end: ContinuousClock.Instant) throws(TripstoreError) -> OpaquePointer? {
        while true {
            let unsent = libpq_flush(handle)
            guard unsent >= 0 else { throw failure(nil) }
            if unsent == 0, libpq_is_busy(handle) == 0 { return libpq_get_result(handle) }
            let left = end - .now
            guard left > .zero else {
                hasGivenUp = true
                throw TripstoreError(
                    .unavailable,
                    "PostgreSQL, which keeps the jobs, has not answered for \(answerSeconds) seconds; is it frozen or overloaded?"
                )
            }
            let milliseconds = left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000 + 1
            if waits(for: unsent == 0 ? POLLIN : POLLIN | POLLOUT, milliseconds: Int32(milliseconds)) {
                guard libpq_consume_input(handle) == 1 else { throw failure(nil) }
            }
        }
    }

    /// Waits until the socket is readable or writable.
    ///
    /// - Returns: whether it is.
    private func waits(for events: Int32, milliseconds: Int32) -> Bool {
        var look = pollfd(fd: libpq_socket(handle), events: Int16(events), revents: 0)
        return poll(&look, 1, milliseconds) > 0
    }

    /// Runs statements as one transaction; an error rolls it back.
    func transaction<Value>(
        _ body: (PostgresConnection) throws(TripstoreError) -> Value
    ) throws(TripstoreError) -> Value {
        try run("BEGIN")
        do throws(TripstoreError) {
            let value = try body(self)
            try run("COMMIT")
            return value
        } catch {
            try? run("ROLLBACK")
            throw error
        }
    }

    /// Reads the server's notifications for some time; throws `.unavailable` if it has hung up.
    func notifications(milliseconds: Int32) throws(TripstoreError) -> [String] {
        // Notifications that came with the result of a statement are in libpq already, and the socket does not show them.
        let known = try takeNotifications()
        if !known.isEmpty { return known }
        return waits(for: POLLIN, milliseconds: milliseconds) ? try takeNotifications() : []
    }

    private func takeNotifications() throws(TripstoreError) -> [String] {
        guard libpq_consume_input(handle) == 1 else { throw failure(nil) }
        var payloads: [String] = []
        while let notification = libpq_notifies(handle) {
            payloads.append(String(cString: notification.pointee.extra))
            libpq_freemem(notification)
        }
        return payloads
    }

    private static func isSuccess(_ status: Int32) -> Bool {
        status == Int32(libpq_tuples_ok) || status == Int32(libpq_command_ok)
    }

    private static func isConnected(_ handle: OpaquePointer) -> Bool {
        libpq_status(handle) == Int32(libpq_connection_ok)
    }

    // MARK: - Failures

    /// States of SQL that pass by themselves.
    ///
    /// https://www.postgresql.org/docs/current/errcodes-appendix.html
    private static let temporary: Set<String> = [
        "25006", "40001", "40P01", "53300", "55P03", "57P01", "57P02", "57P03", "57P05",
    ]

    private func failure(_ result: OpaquePointer?) -> TripstoreError {
        func field(_ code: UInt8) -> String? {
            result.flatMap { libpq_result_error_field($0, Int32(code)) }.map { String(cString: $0) }
        }
        let state = field(UInt8(ascii: "C")) ?? ""  // PG_DIAG_SQLSTATE
        let message = field(UInt8(ascii: "M")) ?? Self.message(of: handle)  // PG_DIAG_MESSAGE_PRIMARY
        if !Self.isConnected(handle) || state.hasPrefix("08") || Self.temporary.contains(state) {
            return TripstoreError(
                .unavailable, "PostgreSQL, which keeps the jobs, does not answer (\(message)); is it running and reachable?")
        }
        if state.hasPrefix("53") {
            return TripstoreError(
                .io, "PostgreSQL, which keeps the jobs, has no space left (\(message)); free some and try again.")
        }
        return TripstoreError(.io, "PostgreSQL, which keeps the jobs, refuses: \(message).")
    }

    /// Returns the first line of libpq's message, without its severity.
    private static func message(of handle: OpaquePointer) -> String {
        let text = String(cString: libpq_error_message(handle))
        var line =
            text.split(whereSeparator: \.isNewline).last { !$0.hasPrefix("\t") && !$0.hasPrefix("Either ") }
            ?? "no reason given"
        for severity in ["ERROR:", "FATAL:", "PANIC:"] {
            if let range = line.range(of: severity) { line = line[range.upperBound...] }
        }
        return line.trimmingCharacters(in: .whitespaces)
    }

    /// Lends texts as an array of C strings for libpq.
    private static func withStrings<Value>(
        _ texts: [String?], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Value
    ) -> Value {
        let copies = texts.map { text in text.map { strdup($0) } ?? nil }
        defer { for copy in copies { free(copy) } }
        let pointers = copies.map { $0.map { UnsafePointer($0) } } + [nil]
        return pointers.withUnsafeBufferPointer { body($0.baseAddress!) }
    }
}

/// A value that can be a parameter of a statement.
protocol PostgresValue {
    var postgresText: String { get }
}

extension String: PostgresValue {
    /// PostgreSQL's text has no character U+0000.
    var postgresText: String { utf8.contains(0) ? replacing("\0", with: "\u{fffd}") : self }
}

extension Int: PostgresValue { var postgresText: String { String(self) } }
extension Int64: PostgresValue { var postgresText: String { String(self) } }
extension Bool: PostgresValue { var postgresText: String { self ? "t" : "f" } }

/// An array of PostgreSQL, whose elements may all be quoted.
///
/// https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
extension Array: PostgresValue where Element: PostgresValue {
    var postgresText: String {
        let quoted = map { value in
            "\"" + value.postgresText.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
        }
        return "{" + quoted.joined(separator: ",") + "}"
    }
}
