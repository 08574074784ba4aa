/// DELTA_BINARY_PACKED: integers as differences to the previous one, packed in as many bits as a group of them needs.
///
/// ```
/// page       := header block*
/// header     := values per block, miniblocks per block, count of values (ULEB128), first value (zigzag ULEB128)
/// block      := least delta (zigzag ULEB128), a width in 1 byte for each miniblock, miniblock*
/// miniblock  := values per block / miniblocks per block × width bits (BitPacking): delta - least delta
/// ```
/// Values per block are a multiple of 128, and values per miniblock of 32. Miniblocks after the last value are omitted, but not
/// their widths; the last one is padded with zeros. All arithmetic wraps around, so every integer is restored. The encoder
/// writes blocks of 128 values, miniblocks of 32.
///
/// https://github.com/apache/parquet-format/blob/master/Encodings.md#delta-encoding-delta_binary_packed--5
package enum DeltaBinaryPackedEncoding {
    private static let blockCount = 128
    private static let miniblockCount = 32
    /// Values per block that a file may announce; real writers use at most a few thousand.
    private static let blockCountMax: UInt64 = 1 << 20

    // MARK: - Decoding

    /// Decodes a page of `count` values into `values[start...]`.
    ///
    /// - Parameter fileOffset: offset of the page in the file, for errors.
    package static func decode(
        _ bytes: RawSpan, count: Int, fileOffset: Int, into values: inout MutableSpan<Int64>, at start: Int
    ) throws(ParquetError) {
        try decodeIntegers(bytes, count: count, fileOffset: fileOffset, into: &values, at: start)
    }

    /// Decodes a page of `count` values into `values[start...]`.
    ///
    /// - Parameter fileOffset: offset of the page in the file, for errors.
    package static func decode(
        _ bytes: RawSpan, count: Int, fileOffset: Int, into values: inout MutableSpan<Int32>, at start: Int
    ) throws(ParquetError) {
        try decodeIntegers(bytes, count: count, fileOffset: fileOffset, into: &values, at: start)
    }

    private struct Header {
        let blockCount: Int
        let miniblocks: Int
        let first: Int64

        var miniblockCount: Int { blockCount / miniblocks }

        init(from reader: inout ByteReader, in bytes: RawSpan, count: Int, fileOffset: Int) throws(ParquetError) {
            let block = try reader.varint(in: bytes)
            let miniblocks = try reader.varint(in: bytes)
            let total = try reader.varint(in: bytes)
            first = try reader.zigzag(in: bytes)
            guard block > 0, block % 128 == 0, block <= blockCountMax else {
                throw ParquetError(offset: fileOffset, kind: .malformed, detail: "a block of \(block) deltas is announced")
            }
            guard miniblocks > 0, block % miniblocks == 0, block / miniblocks % 32 == 0 else {
                throw ParquetError(
                    offset: fileOffset, kind: .malformed,
                    detail: "\(miniblocks) miniblocks are announced for a block of \(block)")
            }
            guard total == UInt64(count) else {
                throw ParquetError(
                    offset: fileOffset, kind: .malformed,
                    detail: "\(total) deltas are announced where \(count) values should be")
            }
            blockCount = Int(block)
            self.miniblocks = Int(miniblocks)
        }
    }

    @inline(__always)
    private static func decodeIntegers<Value: FixedWidthInteger & SignedInteger & BitwiseCopyable>(
        _ bytes: RawSpan, count: Int, fileOffset: Int, into values: inout MutableSpan<Value>, at start: Int
    ) throws(ParquetError) {
        do throws(ParquetError) {
            var reader = ByteReader(bytes)
            let header = try Header(from: &reader, in: bytes, count: count, fileOffset: fileOffset)
            guard count > 0 else { return }
            values[start] = Value(truncatingIfNeeded: header.first)
            var position = start + 1
            while position < start + count {
                let least = Value(truncatingIfNeeded: try reader.zigzag(in: bytes))
                let widths = try reader.skip(header.miniblocks)
                for index in widths where position < start + count {
                    let width = Int(bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self))
                    guard width <= 64 else {
                        throw ParquetError(
                            offset: fileOffset, kind: .malformed, detail: "deltas of \(width) bits are announced")
                    }
                    let packed = try reader.skip(header.miniblockCount * width / 8)
                    let part = min(header.miniblockCount, start + count - position)
                    // Relative deltas are unpacked into the memory of the values that they become.
                    BitPacking.unpack(bytes, at: packed.lowerBound, width: width, count: part, into: &values, at: position)
                    accumulate(&values, position..<position + part, least: least)
                    position += part
                }
            }
        } catch {
            throw error.at(fileOffset)
        }
    }

    @inline(__always)
    private static func accumulate<Value: FixedWidthInteger>(
        _ values: inout MutableSpan<Value>, _ range: Range<Int>, least: Value
    ) {
        precondition(range.lowerBound > 0 && range.upperBound <= values.count)
        var value = values[unchecked: range.lowerBound - 1]
        for index in range {
            value = value &+ (values[unchecked: index] &+ least)
            values[unchecked: index] = value
        }
    }

    // MARK: - Encoding

    /// Appends a page of values.
    package static func encode(_ values: Span<Int64>, into bytes: inout [UInt8]) {
        encodeIntegers(values, into: &bytes)
    }

    /// Appends a page of values.
    package static func encode(_ values: Span<Int32>, into bytes: inout [UInt8]) {
        encodeIntegers(values, into: &bytes)
    }

    @inline(__always)
    private static func encodeIntegers<Value: FixedWidthInteger & SignedInteger & BitwiseCopyable>(
        _ values: Span<Value>, into bytes: inout [UInt8]
    ) where Value.Magnitude: BitwiseCopyable {
        bytes.append(varint: UInt64(blockCount))
        bytes.append(varint: UInt64(blockCount / miniblockCount))
        bytes.append(varint: UInt64(values.count))
        bytes.append(zigzag: values.count > 0 ? Int64(values[0]) : 0)
        var deltas = [Value.Magnitude](repeating: 0, count: blockCount)
        var start = 1
        while start < values.count {
            let count = min(blockCount, values.count - start)
            var span = deltas.mutableSpan
            let least = differences(values, start..<start + count, into: &span)
            bytes.append(zigzag: Int64(least))
            append(deltas.span, count: count, into: &bytes)
            start += count
        }
    }

    /// Writes the difference of each value to the previous one, minus the minimum, and returns the minimum.
    @inline(__always)
    private static func differences<Value: FixedWidthInteger & SignedInteger & BitwiseCopyable>(
        _ values: Span<Value>, _ range: Range<Int>, into deltas: inout MutableSpan<Value.Magnitude>
    ) -> Value where Value.Magnitude: BitwiseCopyable {
        precondition(range.lowerBound > 0 && range.upperBound <= values.count && range.count <= deltas.count)
        var least = Value.max
        for index in range {
            let delta = values[unchecked: index] &- values[unchecked: index - 1]
            deltas[unchecked: index - range.lowerBound] = Value.Magnitude(truncatingIfNeeded: delta)
            least = delta < least ? delta : least
        }
        let base = Value.Magnitude(truncatingIfNeeded: least)
        for index in 0..<range.count { deltas[unchecked: index] = deltas[unchecked: index] &- base }
        return least
    }

    /// Appends the widths and miniblocks of one block.
    @inline(__always)
    private static func append<Delta: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
        _ deltas: Span<Delta>, count: Int, into bytes: inout [UInt8]
    ) {
        let widthsStart = bytes.count
        for start in stride(from: 0, to: blockCount, by: miniblockCount) {
            bytes.append(UInt8(width(deltas, min(start, count)..<min(start + miniblockCount, count))))
        }
        for start in stride(from: 0, to: count, by: miniblockCount) {
            let width = Int(bytes[widthsStart + start / miniblockCount])
            BitPacking.pack(
                deltas, start..<min(start + miniblockCount, count), width: width, paddedCount: miniblockCount, into: &bytes)
        }
    }

    @inline(__always)
    private static func width<Delta: FixedWidthInteger & UnsignedInteger>(_ deltas: Span<Delta>, _ range: Range<Int>) -> Int {
        var bits: Delta = 0
        for index in range { bits |= deltas[index] }
        return BitPacking.width(of: bits)
    }
}
