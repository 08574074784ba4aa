/// Distinct strings and their codes, in order of first appearance.
///
/// Codes are dense from 0, so a column of names is an array of `UInt32` and a table by name is an array.
package struct StringDictionary: Sendable {
    /// The strings by code.
    package private(set) var strings: [String] = []
    private var codes: [String: UInt32] = [:]

    /// Makes an empty dictionary.
    package init() {}

    /// Makes a dictionary of distinct strings, with codes in their order.
    package init(_ strings: [String]) {
        self.strings = strings
        codes.reserveCapacity(strings.count)
        for (code, string) in strings.enumerated() { codes[string] = UInt32(code) }
    }

    /// Number of distinct strings.
    package var count: Int { strings.count }

    /// Returns the code of a string, or nil where it has none.
    package func code(of string: String) -> UInt32? { codes[string] }

    /// Returns the code of a string, giving it the next one where it has none.
    package mutating func insert(_ string: String) -> UInt32 {
        if let code = codes[string] { return code }
        let code = UInt32(strings.count)
        strings.append(string)
        codes[string] = code
        return code
    }

    package subscript(code: UInt32) -> String { strings[Int(code)] }
}
