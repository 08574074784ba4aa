package import TripModel

/// Reads the values of ClickHouse's `RowBinary` format, one after the other; those of `Native` are encoded alike.
///
/// Spec: https://clickhouse.com/docs/interfaces/formats/RowBinary. Numbers are little-endian; a string is its length as LEB128
/// and its bytes; an array is its count as LEB128 and its elements.
package struct RowBinaryReader {
    private let bytes: [UInt8]
    private var position = 0

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Whether everything was read.
    package var isAtEnd: Bool { position == bytes.count }

    /// Count of unread bytes.
    var byteCount: Int { bytes.count - position }

    package mutating func integer<Value: FixedWidthInteger & BitwiseCopyable>(
        _: Value.Type = Value.self
    ) throws(TripstoreError) -> Value {
        guard byteCount >= MemoryLayout<Value>.size else { throw Self.cutOff }
        defer { position += MemoryLayout<Value>.size }
        return Value(littleEndian: bytes.span.bytes.unsafeLoadUnaligned(fromByteOffset: position, as: Value.self))
    }

    package mutating func double() throws(TripstoreError) -> Double { Double(bitPattern: try integer(UInt64.self)) }

    /// Reads the element count at the start of an array.
    package mutating func count() throws(TripstoreError) -> Int {
        var count = 0
        var shift = 0
        while true {
            guard position < bytes.count, shift < 32 else { throw Self.cutOff }
            let byte = bytes[position]
            position += 1
            count |= Int(byte & 0x7f) << shift
            if byte < 0x80 { return count }
            shift += 7
        }
    }

    package mutating func string() throws(TripstoreError) -> String {
        let length = try count()
        guard byteCount >= length else { throw Self.cutOff }
        defer { position += length }
        return String(decoding: bytes[position..<position + length], as: UTF8.self)
    }

    static let cutOff = TripstoreError(.unavailable, "ClickHouse's answer ended early; try again.")
}
