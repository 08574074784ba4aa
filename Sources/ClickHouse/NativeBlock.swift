import Bucketing
package import ColumnStore

/// Sorted trips as blocks of ClickHouse's `Native` format, each the body of an INSERT.
///
///     count of columns ┆ count of rows ┆ name, type, values of the 1st column ┆ … of the 2nd ┆ …
///
/// Spec: https://clickhouse.com/docs/interfaces/formats/Native. Counts and lengths are LEB128, integers little-endian. An
/// INSERT has one block and no more: if a body is cut between two blocks, a server takes the blocks before the cut for the
/// whole.
package enum NativeBlock {
    /// The columns of the table of trips, in its order; the names and types that `ClickHouseSchema` creates.
    package static let columns: [(name: String, type: String)] = [
        ("region", "String"), ("datasource", "String"), ("origin_longitude", "Float64"), ("origin_latitude", "Float64"),
        ("destination_longitude", "Float64"), ("destination_latitude", "Float64"), ("time", "Int64"), ("week", "Int32"),
        ("origin_cell", "UInt64"), ("destination_cell", "UInt64"), ("job_id", "Int64"), ("block", "UInt64"),
    ]

    /// Rows that justify an INSERT: a request costs a server about as much as inserting this many rows into their partitions.
    package static let rowCountMin = 16_384

    /// Maximum bytes of a block: it bounds the memory of two of them, however long the names are.
    package static let byteCountMax = 256 << 20

    /// Returns the rows of each block that some trips are sent as: a week, or neighbouring weeks of few rows.
    ///
    /// The server writes a block of one partition as it is, while it first splits one of several by copying.
    package static func ranges(of trips: SortedTrips, byteCountMax: Int = byteCountMax) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        for partition in trips.partitions {
            if let last = ranges.last, last.count < rowCountMin, partition.rows.count < rowCountMin {
                ranges[ranges.count - 1] = last.lowerBound..<partition.rows.upperBound
            } else {
                ranges.append(partition.rows)
            }
        }
        let textByteCount = [trips.regions, trips.datasources].reduce(0) { sum, names in
            sum + (names.map(\.utf8.count).max() ?? 0) + 2
        }
        let rowCountMax = max(1, byteCountMax / (numbersByteCount + textByteCount))
        return ranges.flatMap { range in
            stride(from: range.lowerBound, to: range.upperBound, by: rowCountMax).map { first in
                first..<min(first + rowCountMax, range.upperBound)
            }
        }
    }

    /// Bytes of the numeric columns, per row.
    private static let numbersByteCount = 9 * 8 + 4

    /// Encodes some rows of the trips of one job; `block` is the number of their part (`Visibility`).
    package static func encode(_ trips: SortedTrips, _ rows: Range<Int>, job: Int64, block: UInt64) -> [UInt8] {
        let texts = [TextColumn(trips.region, trips.regions, rows), TextColumn(trips.datasource, trips.datasources, rows)]
        // With room for the bytes before the values, and for the word with which a name's last bytes are written.
        let capacity = rows.count * numbersByteCount + texts.reduce(0) { $0 + $1.byteCount } + 1024
        return [UInt8](unsafeUninitializedCapacity: capacity) { bytes, byteCount in
            let bytes = UnsafeMutableRawBufferPointer(bytes)
            var buffer = OutputRawSpan(buffer: bytes, initializedCount: 0)
            write(trips, rows, texts, job: job, block: block, to: &buffer)
            byteCount = buffer.finalize(for: bytes)
        }
    }

    private static func write(
        _ trips: SortedTrips, _ rows: Range<Int>, _ texts: [TextColumn], job: Int64, block: UInt64,
        to buffer: inout OutputRawSpan
    ) {
        buffer.writeLength(columns.count)
        buffer.writeLength(rows.count)
        for (column, text) in texts.enumerated() {
            buffer.writeHead(column)
            text.write(to: &buffer)
        }
        for (column, values) in [
            trips.originLongitude, trips.originLatitude, trips.destinationLongitude, trips.destinationLatitude,
        ].enumerated() {
            buffer.writeHead(2 + column)
            buffer.writeBytes(values.span.extracting(rows).bytes)
        }
        buffer.writeHead(6)
        buffer.writeBytes(trips.time.span.extracting(rows).bytes)
        buffer.writeHead(7)
        for partition in trips.partitions where partition.rows.overlaps(rows) {
            let monday = Int32(trips.weeks[partition.week].mondayDay)
            buffer.write(monday, count: partition.rows.clamped(to: rows).count)
        }
        buffer.writeHead(8)
        buffer.writeBytes(trips.key.span.extracting(rows).bytes)
        buffer.writeHead(9)
        let destinations = SortKeys.keys(
            longitude: trips.destinationLongitude.span.extracting(rows),
            latitude: trips.destinationLatitude.span.extracting(rows), mayLack: trips.lacksDestinations)
        buffer.writeBytes(destinations.span.bytes)
        buffer.writeHead(10)
        buffer.write(job, count: rows.count)
        buffer.writeHead(11)
        buffer.write(block, count: rows.count)
    }
}

/// Rows of a text column, each of them a code for one of a few names, on their way into a block.
private struct TextColumn {
    private let codes: ArraySlice<UInt32>
    /// The names, preceded by their lengths, in words padded with zeros.
    private var words: [UInt64] = []
    private var spans: [(firstWord: Int, byteCount: Int)] = []
    /// Bytes of all rows.
    private(set) var byteCount = 0

    init(_ codes: [UInt32], _ names: [String], _ rows: Range<Int>) {
        self.codes = codes[rows]
        for name in names {
            let bytes = NativeBlock.lengthBytes(name.utf8.count) + Array(name.utf8)
            spans.append((firstWord: words.count, byteCount: bytes.count))
            for start in stride(from: 0, to: bytes.count, by: 8) {
                let word = bytes[start..<min(start + 8, bytes.count)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
                words.append(word)
            }
        }
        for code in self.codes { byteCount += spans[Int(code)].byteCount }
    }

    /// Writes the names word by word and removes the padding: they are a few bytes each.
    func write(to buffer: inout OutputRawSpan) {
        for code in codes {
            var (word, rest) = spans[Int(code)]
            while rest > 8 {
                buffer.append(words[word].littleEndian, as: UInt64.self)
                (word, rest) = (word + 1, rest - 8)
            }
            buffer.append(words[word].littleEndian, as: UInt64.self)
            buffer.removeLast(8 - rest)
        }
    }
}

extension NativeBlock {
    /// A length as LEB128.
    fileprivate static func lengthBytes(_ length: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = UInt(length)
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }
}

extension OutputRawSpan {
    fileprivate mutating func writeLength(_ length: Int) { writeBytes(NativeBlock.lengthBytes(length).span.bytes) }

    /// Name and type of a column.
    fileprivate mutating func writeHead(_ column: Int) {
        for text in [NativeBlock.columns[column].name, NativeBlock.columns[column].type] {
            writeLength(text.utf8.count)
            writeBytes(Array(text.utf8).span.bytes)
        }
    }

    fileprivate mutating func writeBytes(_ bytes: RawSpan) {
        withUnsafeMutableBytes { buffer, count in
            precondition(bytes.byteCount <= buffer.count - count)
            bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: buffer[count...]).copyMemory(from: $0) }
            count += bytes.byteCount
        }
    }

    /// Writes one value for some rows.
    fileprivate mutating func write<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, count: Int) {
        append(repeating: value.littleEndian, count: count, as: Value.self)
    }
}
