/// Which values of an optional column are present: a bit for each, before the values of a page.
///
/// ```
/// levels of a V1 page := length in 4 bytes, little-endian, runs
/// levels of a V2 page := runs                                       (its header has the length)
/// ```
/// Only values that are present follow. A column without levels of its own (required) has none at all.
///
/// https://github.com/apache/parquet-format/blob/master/README.md#nulls
enum DefinitionLevels {
    /// Appends levels as a V1 page has them.
    ///
    /// - Parameter isPresent: for each value 1 if it is present, else 0.
    static func append(_ isPresent: Span<UInt32>, to bytes: inout [UInt8]) {
        let start = bytes.count
        bytes.append(littleEndian: 0 as UInt32)
        RLEBitPackedEncoding.encode(isPresent, width: 1, into: &bytes)
        let byteCount = UInt32(bytes.count - start - 4)
        for index in 0..<4 { bytes[start + index] = UInt8(truncatingIfNeeded: byteCount >> UInt32(8 * index)) }
    }

    /// Reads the runs of `count` levels.
    ///
    /// - Parameters:
    ///   - isPresent: receives whether each value is present; left empty if all are.
    ///   - fileOffset: offset of the page in the file, for errors.
    /// - Returns: the count of values that are present.
    static func read(
        _ range: Range<Int>, count: Int, fileOffset: Int, in span: RawSpan, into isPresent: inout [Bool]
    ) throws(ParquetError) -> Int {
        isPresent.removeAll(keepingCapacity: true)
        var presentCount = 0
        var runs = try RLEBitPackedEncoding.RunReader(
            try ByteReader(range, in: span), width: 1, count: count, fileOffset: fileOffset)
        while let run = try runs.next(in: span) {
            switch run {
            case .repeated(let level, let count):
                isPresent.append(contentsOf: repeatElement(level == 1, count: count))
                presentCount += level == 1 ? count : 0
            case .packed(let offset, let count):
                var bytes = try ByteReader(offset..<offset + (count + 7) / 8, in: span)
                var byte: UInt8 = 0
                for index in 0..<count {
                    if index % 8 == 0 { byte = try bytes.byte(in: span) }
                    let bit = byte >> UInt8(index % 8) & 1
                    isPresent.append(bit == 1)
                    presentCount += Int(bit)
                }
            }
        }
        if presentCount == count { isPresent.removeAll(keepingCapacity: true) }
        return presentCount
    }

    /// Moves the values that are present, which are the first ones from `start` on, to their rows; the others become `missing`.
    static func spread<Value: BitwiseCopyable>(
        _ values: inout MutableSpan<Value>, at start: Int, presentCount: Int, _ isPresent: [Bool], missing: Value
    ) {
        var next = start + presentCount
        // From the end, so that no value is overwritten before it has moved.
        for row in isPresent.indices.reversed() {
            if isPresent[row] {
                next -= 1
                values[start + row] = values[next]
            } else {
                values[start + row] = missing
            }
        }
    }
}
