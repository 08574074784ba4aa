/// Ids and names in rejected rows that no place has, with how often each occurs: a bounded count of the first ones.
package struct UnknownPlaces: Hashable, Sendable {
    /// Names that are kept.
    private static let nameCountMax = 1000
    private static let nameByteCountMax = 100

    private(set) var counts: [String: Int] = [:]

    package var isEmpty: Bool { counts.isEmpty }

    /// Counts one of a row.
    mutating func add(_ name: String, count: Int = 1) {
        let name = name.utf8.count > Self.nameByteCountMax ? String(name.prefix(Self.nameByteCountMax / 4)) + "…" : name
        if counts[name] != nil || counts.count < Self.nameCountMax { counts[name, default: 0] += count }
    }

    mutating func add(_ others: UnknownPlaces) {
        for (name, count) in others.counts { add(name, count: count) }
    }

    /// The most frequent ones within a sentence: `3052 (17 rows), 4011 (1 row)`.
    package var list: String {
        let shown = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(5)
        let rest = counts.count - shown.count
        return shown.map { "\($0.key) (\($0.value == 1 ? "1 row" : "\($0.value) rows"))" }.joined(separator: ", ")
            + (rest > 0 ? " and \(rest) more" : "")
    }
}
