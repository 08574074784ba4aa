package import ColumnStore

/// Reads the values of ClickHouse's `RowBinary` format, one after the other.
///
/// Spec: https://clickhouse.com/docs/interfaces/formats/RowBinary. Numbers are little-endian; a string is its length as LEB128
/// and its bytes; an array is its count as LEB128 and its elements.
package struct RowBinaryReader {
    private let bytes: [UInt8]
    private var position = 0

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Whether everything was read.
    package var isAtEnd: Bool { position == bytes.count }

    package mutating func integer<Value: FixedWidthInteger>(_: Value.Type = Value.self) throws(ColumnStoreError) -> Value {
        let byteCount = Value.bitWidth / 8
        guard bytes.count - position >= byteCount else { throw Self.cutOff }
        var value = Value.zero
        for index in 0..<byteCount { value |= Value(truncatingIfNeeded: bytes[position + index]) << (8 * index) }
        position += byteCount
        return value
    }

    package mutating func double() throws(ColumnStoreError) -> Double { Double(bitPattern: try integer(UInt64.self)) }

    /// Reads the element count at the start of an array.
    package mutating func count() throws(ColumnStoreError) -> Int {
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

    package mutating func string() throws(ColumnStoreError) -> String {
        let length = try count()
        guard bytes.count - position >= length else { throw Self.cutOff }
        defer { position += length }
        return String(decoding: bytes[position..<position + length], as: UTF8.self)
    }

    private static let cutOff = ColumnStoreError(.unavailable, "ClickHouse's answer broke off; ask again.")
}
