import Bucketing
package import ColumnStore
package import NIOCore

/// Sorted trips as one block of ClickHouse's `Native` format, the body of an INSERT.
///
///     number of columns ┆ number of rows ┆ name, type, values of the 1st column ┆ … of the 2nd ┆ …
///
/// Spec: https://clickhouse.com/docs/interfaces/formats/Native. Counts and lengths are LEB128, numbers little-endian. An INSERT
/// has one block and no more: of a body that is cut between two blocks a server takes those before the cut for the whole.
package enum NativeBlock {
    /// The columns of the table of trips, in its order; the names and types that `ClickHouseSchema` creates.
    package static let columns: [(name: String, type: String)] = [
        ("region", "String"), ("datasource", "String"), ("origin_longitude", "Float64"), ("origin_latitude", "Float64"),
        ("destination_longitude", "Float64"), ("destination_latitude", "Float64"), ("time", "Int64"), ("week", "Int32"),
        ("origin_cell", "UInt64"), ("destination_cell", "UInt64"), ("job_id", "Int64"), ("block", "UInt64"),
    ]

    /// Encodes trips of one job; `block` is the number of its part (`Visibility`).
    package static func encode(_ trips: SortedTrips, job: Int64, block: UInt64) -> ByteBuffer {
        let count = trips.count
        var buffer = ByteBuffer()
        buffer.reserveCapacity(count * 104 + 1024)
        buffer.writeLength(columns.count)
        buffer.writeLength(count)
        func begin(_ column: Int) {
            for text in [columns[column].name, columns[column].type] { buffer.writeText(text) }
        }
        for (column, (codes, names)) in [(trips.region, trips.regions), (trips.datasource, trips.datasources)].enumerated() {
            begin(column)
            buffer.writeNames(codes, names)
        }
        for (column, values) in [
            trips.originLongitude, trips.originLatitude, trips.destinationLongitude, trips.destinationLatitude,
        ].enumerated() {
            begin(2 + column)
            buffer.writeBytes(values.span.bytes)
        }
        begin(6)
        buffer.writeBytes(trips.time.span.bytes)
        begin(7)
        var weeks: [Int32] = []
        weeks.reserveCapacity(count)
        for stratum in trips.strata {
            let monday = Int32(trips.weeks[stratum.week].mondayDay)
            weeks.append(contentsOf: repeatElement(monday, count: stratum.rows.count))
        }
        buffer.writeBytes(weeks.span.bytes)
        begin(8)
        buffer.writeBytes(trips.key.span.bytes)
        begin(9)
        let destinations = SortKeys.keys(
            longitude: trips.destinationLongitude.span, latitude: trips.destinationLatitude.span)
        buffer.writeBytes(destinations.span.bytes)
        begin(10)
        buffer.writeBytes([Int64](repeating: job, count: count).span.bytes)
        begin(11)
        buffer.writeBytes([UInt64](repeating: block, count: count).span.bytes)
        return buffer
    }
}

extension ByteBuffer {
    fileprivate mutating func writeLength(_ length: Int) {
        var rest = UInt(length)
        while rest >= 0x80 {
            writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        writeInteger(UInt8(rest))
    }

    fileprivate mutating func writeText(_ text: String) {
        writeLength(text.utf8.count)
        writeString(text)
    }

    /// Writes the names that codes stand for, with their lengths.
    fileprivate mutating func writeNames(_ codes: [UInt32], _ names: [String]) {
        let encoded = names.map { name in
            var buffer = ByteBuffer()
            buffer.writeText(name)
            return [UInt8](buffer.readableBytesView)
        }
        // Sorted rows of one place have one region: runs of a name are written as one piece.
        var start = 0
        while start < codes.count {
            let code = codes[start]
            var end = start + 1
            while end < codes.count, codes[end] == code { end += 1 }
            let name = encoded[Int(code)]
            if end - start == 1 {
                writeBytes(name.span.bytes)
            } else {
                var run: [UInt8] = []
                run.reserveCapacity(name.count * (end - start))
                for _ in start..<end { run.append(contentsOf: name) }
                writeBytes(run.span.bytes)
            }
            start = end
        }
    }
}
