/// Writes JSON of known shape directly to bytes: the same text for the server and the command line, keys in a fixed order.
///
/// Answers are flat and their fields are fixed, so a general encoder would only cost time; doubles are written in the shortest
/// form that reads back as the same value.
package struct JSONWriter {
    private var bytes: [UInt8] = []
    private var needsComma = false
    private static let hexDigits = Array("0123456789abcdef".utf8)

    package init(capacity: Int = 256) { bytes.reserveCapacity(capacity) }

    /// The text written so far.
    package var text: String { String(decoding: bytes, as: UTF8.self) }

    package mutating func object(_ body: (inout JSONWriter) -> Void) { nested(UInt8(ascii: "{"), UInt8(ascii: "}"), body) }

    package mutating func array<Element>(_ elements: some Sequence<Element>, _ body: (inout JSONWriter, Element) -> Void) {
        nested(UInt8(ascii: "["), UInt8(ascii: "]")) { for element in elements { body(&$0, element) } }
    }

    /// Writes the name of the member that the next call writes.
    package mutating func key(_ name: String) {
        separate()
        string(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    package mutating func value(_ text: String) {
        separate()
        string(text)
        needsComma = true
    }

    package mutating func value(_ text: String?) {
        if let text { value(text) } else { literal("null") }
    }

    package mutating func value(_ number: Int) { literal(String(number)) }

    package mutating func value(_ number: Int?) {
        if let number { value(number) } else { literal("null") }
    }

    package mutating func value(_ number: Double) { literal(number.isFinite ? number.description : "null") }

    package mutating func value(_ number: Double?) {
        if let number { value(number) } else { literal("null") }
    }

    /// Writes a member.
    package mutating func member(_ name: String, _ value: String) {
        key(name)
        self.value(value)
    }

    /// Writes a member.
    package mutating func member(_ name: String, _ value: String?) {
        key(name)
        self.value(value)
    }

    /// Writes a member.
    package mutating func member(_ name: String, _ value: Int) {
        key(name)
        self.value(value)
    }

    /// Writes a member.
    package mutating func member(_ name: String, _ value: Int?) {
        key(name)
        self.value(value)
    }

    /// Writes a member.
    package mutating func member(_ name: String, _ value: Double) {
        key(name)
        self.value(value)
    }

    /// Writes a member.
    package mutating func member(_ name: String, _ value: Double?) {
        key(name)
        self.value(value)
    }

    /// Writes a member.
    package mutating func member(_ name: String, _ value: Bool) {
        key(name)
        self.value(value)
    }

    /// Writes a member that is an object of integers, in the order of their names.
    package mutating func member(_ name: String, _ numbers: [String: Int]) {
        key(name)
        object {
            for (name, number) in numbers.sorted(by: { $0.key < $1.key }) {
                $0.key(name)
                $0.value(number)
            }
        }
    }

    package mutating func value(_ flag: Bool) { literal(flag ? "true" : "false") }

    private mutating func literal(_ text: String) {
        separate()
        bytes.append(contentsOf: text.utf8)
        needsComma = true
    }

    private mutating func nested(_ open: UInt8, _ close: UInt8, _ body: (inout JSONWriter) -> Void) {
        separate()
        bytes.append(open)
        needsComma = false
        body(&self)
        bytes.append(close)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = false
    }

    private static func isPlain(_ text: Span<UInt8>) -> Bool {
        for index in text.indices {
            switch text[index] {
            case 0..<0x20, UInt8(ascii: "\""), UInt8(ascii: "\\"): return false
            default: continue
            }
        }
        return true
    }

    private mutating func string(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        defer { bytes.append(UInt8(ascii: "\"")) }
        if Self.isPlain(text.utf8.span) { return bytes.append(contentsOf: text.utf8) }
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): bytes += Array("\\n".utf8)
            case UInt8(ascii: "\r"): bytes += Array("\\r".utf8)
            case UInt8(ascii: "\t"): bytes += Array("\\t".utf8)
            case 0..<0x20: bytes += Array("\\u00".utf8) + [Self.hexDigits[Int(byte >> 4)], Self.hexDigits[Int(byte & 15)]]
            default: bytes.append(byte)
            }
        }
    }
}
