/// Appends integers to bytes: little-endian or of variable length.
///
/// An array of bytes is the writer, so that encodings append directly to the buffer that is compressed next.
extension [UInt8] {
    /// Appends the bytes of an integer, lowest first.
    mutating func append<Value: FixedWidthInteger>(littleEndian value: Value) {
        var rest = value
        for _ in 0..<MemoryLayout<Value>.size {
            append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    /// Appends a ULEB128 integer: seven bits a byte, lowest first.
    mutating func append(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }

    /// Appends a zigzag ULEB128 integer.
    ///
    /// 0, -1, 1, -2, … are stored as 0, 1, 2, 3, ….
    mutating func append(zigzag value: Int64) {
        append(varint: UInt64(bitPattern: value << 1 ^ value >> 63))
    }
}
