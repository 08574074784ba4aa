/// The RLE/bit-packing hybrid: small integers as runs of one value or as packed bits, whichever is shorter.
///
/// ```
/// runs       := run*
/// run        := repeated | packed
/// repeated   := ULEB128(count << 1)           value in ⌈width / 8⌉ bytes, little-endian
/// packed     := ULEB128(count / 8 << 1 | 1)   count × width bits (BitPacking), count rounded up to a multiple of 8
/// RLE_DICTIONARY page := width in 1 byte, runs                (of codes in the chunk's dictionary)
/// levels of a V1 page := length in 4 bytes, little-endian, runs
/// ```
/// The bytes do not contain the count of values: the page header does.
///
/// https://github.com/apache/parquet-format/blob/master/Encodings.md#run-length-encoding--bit-packing-hybrid-rle--3
package enum RLEBitPackedEncoding {
    /// The widest value.
    package static let widthMax = 32

    // MARK: - Decoding

    /// A part of the values: one value repeated, or packed values that start at a byte.
    enum Run {
        case repeated(UInt32, count: Int)
        case packed(offset: Int, count: Int)
    }

    /// Steps through runs without unpacking them.
    struct RunReader {
        private var bytes: ByteReader
        private let width: Int
        /// Values that are left.
        private(set) var remaining: Int
        private let fileOffset: Int

        /// - Parameter fileOffset: offset of the page in the file, for errors.
        init(_ bytes: ByteReader, width: Int, count: Int, fileOffset: Int) throws(ParquetError) {
            guard (0...widthMax).contains(width) else {
                throw ParquetError(offset: fileOffset, kind: .malformed, detail: "codes of \(width) bits are announced")
            }
            self.bytes = bytes
            self.width = width
            remaining = count
            self.fileOffset = fileOffset
        }

        /// Returns the next run, cut to the values that are left, or nil if none are.
        mutating func next(in span: RawSpan) throws(ParquetError) -> Run? {
            guard remaining > 0 else { return nil }
            guard bytes.remaining > 0 else { throw truncated() }
            let header = try self.header(in: span)
            guard header >> 1 > 0, header >> 1 <= UInt64(UInt32.max) else {
                throw ParquetError(offset: fileOffset, kind: .malformed, detail: "a run of \(header >> 1) values is announced")
            }
            let length = Int(header >> 1)
            return header & 1 == 0 ? try repeated(length, in: span) : try packed(groups: length)
        }

        private mutating func header(in span: RawSpan) throws(ParquetError) -> UInt64 {
            do throws(ParquetError) { return try bytes.varint(in: span) } catch { throw error.at(fileOffset) }
        }

        private mutating func repeated(_ length: Int, in span: RawSpan) throws(ParquetError) -> Run {
            guard length <= remaining else {
                throw ParquetError(
                    offset: fileOffset, kind: .malformed,
                    detail: "a run of \(length) values is announced where \(remaining) are left")
            }
            let byteCount = (width + 7) >> 3
            guard byteCount <= bytes.remaining else { throw truncated() }
            var value: UInt64 = 0
            for index in 0..<byteCount { value |= UInt64(try bytes.byte(in: span)) << UInt64(8 * index) }
            guard value >> UInt64(width) == 0 else {
                throw ParquetError(offset: fileOffset, kind: .malformed, detail: "a run's value has more than \(width) bits")
            }
            remaining -= length
            return .repeated(UInt32(truncatingIfNeeded: value), count: length)
        }

        /// Some writers cut the last run after its last value instead of padding it.
        private mutating func packed(groups: Int) throws(ParquetError) -> Run {
            let count = min(groups * 8, remaining)
            guard BitPacking.byteCount(count, width: width) <= bytes.remaining else { throw truncated() }
            let range = try bytes.skip(min(groups * width, bytes.remaining))
            remaining -= count
            return .packed(offset: range.lowerBound, count: count)
        }

        private func truncated() -> ParquetError {
            ParquetError(offset: fileOffset, kind: .truncated, detail: "a page ends \(remaining) values before its last one")
        }
    }

    /// Starts with the runs of a page, after the byte with their width.
    private static func open(
        page bytes: RawSpan, count: Int, fileOffset: Int
    ) throws(ParquetError) -> (width: Int, runs: RunReader) {
        guard bytes.byteCount > 0 else {
            throw ParquetError(offset: fileOffset, kind: .truncated, detail: "a page of codes is empty")
        }
        var reader = ByteReader(bytes)
        let width = Int(try reader.byte(in: bytes))
        return (width, try RunReader(reader, width: width, count: count, fileOffset: fileOffset))
    }

    /// Decodes a page of `count` codes, each less than `codeCount`, into `values[start...]`.
    ///
    /// - Parameter fileOffset: offset of the page in the file, for errors.
    package static func decodePage(
        _ bytes: RawSpan, count: Int, codeCount: Int, fileOffset: Int, into values: inout MutableSpan<UInt32>, at start: Int
    ) throws(ParquetError) {
        var (width, runs) = try open(page: bytes, count: count, fileOffset: fileOffset)
        var position = start
        while let run = try runs.next(in: bytes) {
            switch run {
            case .repeated(let code, let count):
                try require(code, below: codeCount, fileOffset: fileOffset)
                fill(&values, position, count, with: code)
                position += count
            case .packed(let offset, let count):
                BitPacking.unpack(bytes, at: offset, width: width, count: count, into: &values, at: position)
                if codeCount < 1 << width {
                    try require(greatest(values.span, position..<position + count), below: codeCount, fileOffset: fileOffset)
                }
                position += count
            }
        }
    }

    private static func greatest(_ codes: Span<UInt32>, _ range: Range<Int>) -> UInt32 {
        precondition(range.lowerBound >= 0 && range.upperBound <= codes.count)
        var greatest: UInt32 = 0
        for index in range {
            let code = codes[unchecked: index]
            greatest = code > greatest ? code : greatest
        }
        return greatest
    }

    private static func require(_ code: UInt32, below codeCount: Int, fileOffset: Int) throws(ParquetError) {
        guard Int(code) < codeCount else { throw unknownCode(Int(code), codeCount: codeCount, fileOffset: fileOffset) }
    }

    static func unknownCode(_ code: Int, codeCount: Int, fileOffset: Int) -> ParquetError {
        ParquetError(
            offset: fileOffset, kind: .malformed,
            detail: "a page has code \(code) where the dictionary has \(codeCount) entries")
    }

    @inline(__always)
    private static func fill(_ values: inout MutableSpan<UInt32>, _ start: Int, _ count: Int, with value: UInt32) {
        for index in start..<start + count { values[index] = value }
    }

    // MARK: - Encoding

    /// Appends values, each of which must fit `width` bits, as runs.
    ///
    /// Runs start at multiples of 8 values, as packed bits before them must: groups of 8 are tested one by one. Testing whether
    /// one is all equal costs a few instructions and, on random values, no mispredicted branch.
    package static func encode(_ values: Span<UInt32>, width: Int, into bytes: inout [UInt8]) {
        let count = values.count
        let worthwhile = repeatedCountMin(width: width)
        var packedStart = 0
        var index = 0
        while index + 8 <= count {
            guard isRepeated(values, index) else {
                index += 8
                continue
            }
            let runEnd = endOfRun(values, from: index)
            guard runEnd - index >= worthwhile else {
                index += (runEnd - index) & ~7
                continue
            }
            appendPacked(values, packedStart..<index, width: width, into: &bytes)
            appendRepeated(values[index], count: runEnd - index, width: width, into: &bytes)
            packedStart = runEnd
            index = runEnd
        }
        if width == 0 {
            if packedStart < count { appendRepeated(0, count: count - packedStart, width: 0, into: &bytes) }
        } else {
            appendPacked(values, packedStart..<count, width: width, into: &bytes)
        }
    }

    /// The minimum length of a run that is shorter repeated than packed, including the header of the packed run after it.
    private static func repeatedCountMin(width: Int) -> Int {
        let byteCount = 2 + 1 + (width + 7) >> 3
        return width == 0 ? 8 : max(8, (byteCount * 8 / width + 7) & ~7)
    }

    @inline(__always)
    private static func isRepeated(_ values: Span<UInt32>, _ start: Int) -> Bool {
        let first = values[start]
        var difference: UInt32 = 0
        for index in start + 1..<start + 8 { difference |= values[unchecked: index] ^ first }
        return difference == 0
    }

    private static func endOfRun(_ values: Span<UInt32>, from start: Int) -> Int {
        var end = start + 8
        let first = values[start]
        while end + 8 <= values.count, values[unchecked: end] == first, isRepeated(values, end) { end += 8 }
        while end < values.count, values[unchecked: end] == first { end += 1 }
        return end
    }

    private static func appendRepeated(_ value: UInt32, count: Int, width: Int, into bytes: inout [UInt8]) {
        bytes.append(varint: UInt64(count) << 1)
        for index in 0..<(width + 7) >> 3 { bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(8 * index))) }
    }

    private static func appendPacked(_ values: Span<UInt32>, _ range: Range<Int>, width: Int, into bytes: inout [UInt8]) {
        guard !range.isEmpty else { return }
        let groups = (range.count + 7) / 8
        bytes.append(varint: UInt64(groups) << 1 | 1)
        BitPacking.pack(values, range, width: width, paddedCount: groups * 8, into: &bytes)
    }
}
