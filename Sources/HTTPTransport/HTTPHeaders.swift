/// Header fields in order; names are compared case-insensitively.
package struct HTTPHeaders: Sendable {
    package private(set) var fields: [(name: String, value: String)]

    package init(_ fields: [(name: String, value: String)] = []) { self.fields = fields }

    package mutating func add(name: String, value: String) { fields.append((name: name, value: value)) }

    /// Returns the value of the first field with a name.
    package func first(name: String) -> String? { fields.first { Self.isSame($0.name, name) }?.value }

    package func contains(name: String) -> Bool { first(name: name) != nil }

    private static func isSame(_ one: String, _ other: String) -> Bool {
        one.utf8.count == other.utf8.count && zip(one.utf8, other.utf8).allSatisfy { lowercased($0) == lowercased($1) }
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 { (0x41...0x5a).contains(byte) ? byte | 0x20 : byte }
}
