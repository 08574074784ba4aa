/// Appends the integers and texts of a segment's index: unsigned LEB128, zigzag if signed, length-prefixed UTF-8.
struct IndexByteWriter {
    private(set) var bytes: [UInt8] = []

    mutating func append(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func append(_ value: Int) { append(UInt64(value)) }

    mutating func append(signed value: Int64) {
        append(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }

    mutating func append(_ text: String) {
        append(text.utf8.count)
        bytes.append(contentsOf: text.utf8)
    }

    mutating func append(_ value: Double) {
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func append(contentsOf other: [UInt8]) { bytes.append(contentsOf: other) }
}

/// What is wrong with the bytes of an index; the segment's rows are not affected.
struct IndexError: Error, CustomStringConvertible {
    var description: String
}

/// Reads the output of `IndexByteWriter`; trusts nothing.
struct IndexByteReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }
    var byteCountLeft: Int { bytes.count - position }

    mutating func unsigned() throws(IndexError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            guard shift < 63 || byte <= 1 else { break }
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
            shift += 7
        }
        throw IndexError(description: "a number at byte \(position) of the index is cut off or too long")
    }

    /// Reads a count or a position: at most `max`.
    mutating func count(max: Int) throws(IndexError) -> Int {
        let value = try unsigned()
        guard max >= 0, value <= UInt64(max) else {
            throw IndexError(description: "a count at byte \(position) of the index is \(value), over \(max)")
        }
        return Int(value)
    }

    /// Adds a count to each of some integers, none of which may exceed its limit; returns the sum of the counts.
    mutating func addCounts(to numbers: inout [UInt32], upTo limits: [UInt32]) throws(IndexError) -> Int {
        let bytes = bytes
        let (byteSpan, limitSpan) = (bytes.span, limits.span)
        var numberSpan = numbers.mutableSpan
        var sum = 0
        for place in 0..<numberSpan.count {
            let count: Int
            // Usually they are small.
            if position < byteSpan.count, byteSpan[position] < 0x80 {
                count = Int(byteSpan[position])
                position += 1
            } else {
                count = try self.count(max: Int(UInt32.max))
            }
            guard count <= Int(limitSpan[place]) - Int(numberSpan[place]) else {
                throw IndexError(description: "a count at byte \(position) of the index is \(count), more than there are rows")
            }
            numberSpan[place] += UInt32(count)
            sum += count
        }
        return sum
    }

    mutating func bytes(_ count: Int) throws(IndexError) -> ArraySlice<UInt8> {
        guard count <= bytes.count - position else { throw IndexError(description: "the index is cut off") }
        defer { position += count }
        return bytes[position..<position + count]
    }

    mutating func signed() throws(IndexError) -> Int64 {
        let value = try unsigned()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    mutating func text() throws(IndexError) -> String {
        let length = try count(max: bytes.count)
        guard length <= bytes.count - position else { throw IndexError(description: "the index ends within a name") }
        guard let text = String(validating: bytes[position..<position + length], as: UTF8.self) else {
            throw IndexError(description: "a name at byte \(position) of the index is not UTF-8")
        }
        position += length
        return text
    }

    mutating func double() throws(IndexError) -> Double {
        guard bytes.count - position >= 8 else { throw IndexError(description: "the index ends within a number") }
        var pattern: UInt64 = 0
        for index in 0..<8 { pattern |= UInt64(bytes[position + index]) << UInt64(8 * index) }
        position += 8
        return Double(bitPattern: pattern)
    }
}
