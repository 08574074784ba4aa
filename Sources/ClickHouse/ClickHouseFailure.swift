import TripModel

/// An error of ClickHouse: its code and its message.
///
/// Codes: https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp.
struct ClickHouseFailure {
    let error: TripstoreError
    /// Set if nothing was done because the named session is gone, or in use.
    let session: ClickHouseClient.SessionRefusal?

    /// The table of all shards, which stores nothing.
    private static let queryTable = "trips_cluster"

    /// Returns whether a server said that it has no such table.
    static func isOfQueryTable(_ error: TripstoreError) -> Bool { error.message.contains("the table \(queryTable)") }

    init(status: Int, body: [UInt8], address: ClickHouseURL.Address) {
        // `Code: 60. DB::Exception: message` or `Code: 60, e.displayText() = DB::Exception: message, e.what() = …`.
        let text = String(decoding: body, as: UTF8.self)
        let code = text.hasPrefix("Code: ") ? Int(text.dropFirst(6).prefix { $0.isNumber }) : nil
        var words = text[...]
        if let range = text.firstRange(of: "DB::Exception: ") { words = text[range.upperBound...] }
        if let range = words.firstRange(of: ", e.what() =") { words = words[..<range.lowerBound] }
        let sentence = words.prefix(300).split(separator: "\n").first.map(String.init) ?? "status \(status)"
        session = code == 372 ? .gone : code == 373 ? .inUse : nil
        // Many calls can meet a full disk, with codes of their own: the system's message is the same in all of them.
        if code == 243 || ["No space left on device", "errno: 28"].contains(where: { words.contains($0) }) {
            error = TripstoreError(
                .unavailable,
                "The disk of ClickHouse at \(address) is full (\(sentence)); free some space on it; work then continues by itself."
            )
            return
        }
        if code == 60, words.contains(Self.queryTable) {
            error = TripstoreError(
                .unavailable,
                "ClickHouse at \(address) has lost the table \(Self.queryTable), which will be created again: \(sentence)")
            return
        }
        switch code {
        case 192, 193, 194, 516:
            error = TripstoreError(
                .conflict, "ClickHouse at \(address) refuses the user or the password of DATABASE_URL: \(sentence)")
        case 497:
            error = TripstoreError(
                .conflict, "ClickHouse at \(address) denies the user of DATABASE_URL a privilege: \(sentence)")
        case 241:
            error = TripstoreError(
                .io, "ClickHouse has too little memory for this query: \(sentence); narrow it or raise max_memory_usage.")
        // Connections that fail, timeouts, parts that are merged too slowly, a full disk, unavailable replicas: a retry may
        // succeed.
        case 3, 32, 159, 160, 202, 209, 210, 225, 236, 242, 252, 279, 285, 286, 319, 372, 373, 425, 999:
            error = TripstoreError(.unavailable, "ClickHouse at \(address) cannot do this now: \(sentence)")
        default:
            error = TripstoreError(
                .io, "ClickHouse at \(address) refuses\(code.map { " (code \($0))" } ?? ""): \(sentence)")
        }
    }
}
