/// A checked position in bytes: every read states how far it may go and advances the position.
///
/// The bytes themselves are passed to each read, since a struct that stores a `RawSpan` cannot be made without experimental
/// features of the compiler; a read past `end` or past the bytes throws `.truncated`.
struct ByteReader {
    /// Offset of the next byte.
    private(set) var offset: Int
    /// Offset past the last byte that may be read.
    let end: Int

    /// Makes a reader of a part of some bytes.
    init(_ range: Range<Int>, in bytes: RawSpan) throws(ParquetError) {
        guard range.lowerBound >= 0, range.upperBound <= bytes.byteCount else {
            throw ParquetError(
                offset: range.lowerBound, kind: .truncated,
                detail: "\(range.count) bytes were announced where the file ends at \(bytes.byteCount)")
        }
        offset = range.lowerBound
        end = range.upperBound
    }

    /// Makes a reader of all of some bytes.
    init(_ bytes: RawSpan) {
        offset = 0
        end = bytes.byteCount
    }

    /// Count of the bytes that are left.
    var remaining: Int { end - offset }

    /// Returns the next byte.
    @inline(__always)
    mutating func byte(in bytes: RawSpan) throws(ParquetError) -> UInt8 {
        guard offset < end else { throw truncated(1) }
        let byte = bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
        offset += 1
        return byte
    }

    /// Returns the next little-endian integer.
    mutating func integer<Value: FixedWidthInteger & BitwiseCopyable>(
        _ type: Value.Type, in bytes: RawSpan
    ) throws(ParquetError) -> Value {
        let size = MemoryLayout<Value>.size
        guard remaining >= size else { throw truncated(size) }
        let value = bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: Value.self)
        offset += size
        return Value(littleEndian: value)
    }

    /// Returns the next ULEB128 integer: seven bits a byte, lowest first.
    @inline(__always)
    mutating func varint(in bytes: RawSpan) throws(ParquetError) -> UInt64 {
        let first = try byte(in: bytes)
        if first < 0x80 { return UInt64(first) }
        return try varint(after: first, in: bytes)
    }

    private mutating func varint(after first: UInt8, in bytes: RawSpan) throws(ParquetError) -> UInt64 {
        var value = UInt64(first & 0x7f)
        var shift: UInt64 = 7
        while shift < 64 {
            let byte = try byte(in: bytes)
            // The tenth byte has room for one bit.
            guard shift < 63 || byte <= 1 else { break }
            value |= UInt64(byte & 0x7f) &<< shift
            if byte < 0x80 { return value }
            shift += 7
        }
        throw ParquetError(offset: offset, kind: .malformed, detail: "a variable-length number has more than 64 bits")
    }

    /// Returns the next zigzag ULEB128 integer.
    ///
    /// 0, -1, 1, -2, … are stored as 0, 1, 2, 3, ….
    @inline(__always)
    mutating func zigzag(in bytes: RawSpan) throws(ParquetError) -> Int64 {
        let value = try varint(in: bytes)
        return Int64(bitPattern: value &>> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// Skips some bytes and returns their range.
    mutating func skip(_ count: Int) throws(ParquetError) -> Range<Int> {
        guard count >= 0, count <= remaining else { throw truncated(count) }
        defer { offset += count }
        return offset..<offset + count
    }

    private func truncated(_ count: Int) -> ParquetError {
        ParquetError(offset: offset, kind: .truncated, detail: "\(count) bytes are needed where \(remaining) are left")
    }
}
