package import ColumnStore
import NIOCore

/// Reads trips from ClickHouse's `Native` format, as `NativeBlock` writes them; a result has any count of blocks.
package enum NativeBlockReader {
    /// The columns that are read, in their order.
    package static let columns: [(name: String, type: String)] = [
        ("region", "String"), ("datasource", "String"), ("origin_longitude", "Float64"), ("origin_latitude", "Float64"),
        ("destination_longitude", "Float64"), ("destination_latitude", "Float64"), ("time", "Int64"), ("job_id", "Int64"),
    ]

    private static let cutOff = ColumnStoreError(.unavailable, "ClickHouse's answer broke off; ask again.")

    /// Returns the trips of a result, a batch per block.
    package static func batches(_ bytes: [UInt8]) throws(ColumnStoreError) -> [TripBatch] {
        var buffer = ByteBuffer(bytes: bytes)
        var batches: [TripBatch] = []
        while buffer.readableBytes > 0 {
            let columnCount = try length(&buffer)
            let rowCount = try length(&buffer)
            if columnCount == 0 { continue }
            guard columnCount == columns.count, rowCount <= buffer.readableBytes || rowCount == 0 else { throw cutOff }
            let batch = try batch(&buffer, rowCount)
            if batch.count > 0 { batches.append(batch) }
        }
        return batches
    }

    private static func batch(_ buffer: inout ByteBuffer, _ rowCount: Int) throws(ColumnStoreError) -> TripBatch {
        var batch = TripBatch()
        try head(&buffer, 0)
        let regions = try names(&buffer, rowCount, &batch.regions)
        try head(&buffer, 1)
        let datasources = try names(&buffer, rowCount, &batch.datasources)
        var numbers: [[UInt64]] = []
        for column in 2..<columns.count {
            try head(&buffer, column)
            numbers.append(try words(&buffer, rowCount))
        }
        batch.rows.reserveCapacity(rowCount)
        for row in 0..<rowCount {
            batch.rows.append(
                TripRow(
                    originLongitude: Double(bitPattern: numbers[0][row]), originLatitude: Double(bitPattern: numbers[1][row]),
                    destinationLongitude: Double(bitPattern: numbers[2][row]),
                    destinationLatitude: Double(bitPattern: numbers[3][row]), time: Int64(bitPattern: numbers[4][row]),
                    region: regions[row], datasource: datasources[row]))
        }
        batch.job = numbers[5].map { Int64(bitPattern: $0) }
        return batch
    }

    /// Checks that name and type of a column are the requested ones.
    private static func head(_ buffer: inout ByteBuffer, _ column: Int) throws(ColumnStoreError) {
        let (name, type) = (try text(&buffer), try text(&buffer))
        guard name == columns[column].name, type == columns[column].type else {
            throw ColumnStoreError(
                .internalFault, "ClickHouse's answer has a column \(name) of type \(type); please report this.")
        }
    }

    /// Returns the codes of a column of names.
    private static func names(
        _ buffer: inout ByteBuffer, _ rowCount: Int, _ dictionary: inout StringDictionary
    ) throws(ColumnStoreError) -> [UInt32] {
        var codes: [UInt32] = []
        codes.reserveCapacity(rowCount)
        for _ in 0..<rowCount { codes.append(dictionary.insert(try text(&buffer))) }
        return codes
    }

    private static func words(_ buffer: inout ByteBuffer, _ rowCount: Int) throws(ColumnStoreError) -> [UInt64] {
        guard rowCount <= buffer.readableBytes / 8 else { throw cutOff }
        var words: [UInt64] = []
        words.reserveCapacity(rowCount)
        for _ in 0..<rowCount {
            guard let word = buffer.readInteger(endianness: .little, as: UInt64.self) else { throw cutOff }
            words.append(word)
        }
        return words
    }

    private static func text(_ buffer: inout ByteBuffer) throws(ColumnStoreError) -> String {
        let byteCount = try length(&buffer)
        guard let text = buffer.readString(length: byteCount) else { throw cutOff }
        return text
    }

    private static func length(_ buffer: inout ByteBuffer) throws(ColumnStoreError) -> Int {
        var (length, shift) = (0, 0)
        while true {
            guard shift < 35, let byte = buffer.readInteger(as: UInt8.self) else { throw cutOff }
            length |= Int(byte & 0x7f) << shift
            if byte < 0x80 { return length }
            shift += 7
        }
    }
}
