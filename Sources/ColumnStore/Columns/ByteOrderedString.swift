/// A name that equals another only byte for byte, and sorts by its UTF-8.
///
/// Swift's own comparison of strings treats canonically equivalent ones (a composed and a decomposed é) as equal and sorts by
/// Unicode rules; names in data are exact, and other engines sort them by bytes.
package struct ByteOrderedString: Hashable, Comparable, Sendable {
    package let string: String

    package init(_ string: String) { self.string = string }

    package static func == (left: Self, right: Self) -> Bool { left.string.utf8.elementsEqual(right.string.utf8) }

    package static func < (left: Self, right: Self) -> Bool { left.string.utf8.lexicographicallyPrecedes(right.string.utf8) }

    package func hash(into hasher: inout Hasher) {
        var string = string
        string.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }

    /// Returns the index of a name in an ascending list, or nil if it is not in it.
    package static func index(of name: String, in ascending: [String]) -> Int? {
        var low = 0
        var high = ascending.count
        while low < high {
            let middle = (low + high) / 2
            if ByteOrderedString(ascending[middle]) < ByteOrderedString(name) { low = middle + 1 } else { high = middle }
        }
        return low < ascending.count && ByteOrderedString(ascending[low]) == ByteOrderedString(name) ? low : nil
    }
}
