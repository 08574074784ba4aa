import TripModel

/// The names of several lists as one ascending list, and each list's codes in it.
package struct UnifiedDictionary: Sendable {
    /// Ascending by UTF-8.
    package let names: [String]
    /// For each list: new code by old code.
    package let codeMaps: [[UInt32]]

    /// Merges lists of distinct names.
    package init(_ lists: [[String]]) {
        var distinct = StringDictionary()
        for list in lists { for name in list { _ = distinct.insert(name) } }
        let codes = StringDictionary(distinct.strings.sorted { ByteOrderedString($0) < ByteOrderedString($1) })
        names = codes.strings
        codeMaps = lists.map { list in list.map { codes.code(of: $0)! } }
    }
}
