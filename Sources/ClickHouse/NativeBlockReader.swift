package import TripModel

/// Reads trips from ClickHouse's `Native` format, as `NativeBlock` writes them; a result has any count of blocks.
package enum NativeBlockReader {
    /// The columns that are read, in their order.
    package static let columns: [(name: String, type: String)] = [
        ("region", "String"), ("datasource", "String"), ("origin_longitude", "Float64"), ("origin_latitude", "Float64"),
        ("destination_longitude", "Float64"), ("destination_latitude", "Float64"), ("time", "Int64"), ("job_id", "Int64"),
    ]

    /// Returns the trips of a result, a batch per block.
    package static func batches(_ bytes: [UInt8]) throws(TripstoreError) -> [TripBatch] {
        var reader = RowBinaryReader(bytes)
        var batches: [TripBatch] = []
        while !reader.isAtEnd {
            let columnCount = try reader.count()
            let rowCount = try reader.count()
            if columnCount == 0 { continue }
            guard columnCount == columns.count, rowCount <= reader.byteCount || rowCount == 0 else {
                throw RowBinaryReader.cutOff
            }
            let batch = try batch(&reader, rowCount)
            if batch.count > 0 { batches.append(batch) }
        }
        return batches
    }

    private static func batch(_ reader: inout RowBinaryReader, _ rowCount: Int) throws(TripstoreError) -> TripBatch {
        var batch = TripBatch()
        try head(&reader, 0)
        let regions = try names(&reader, rowCount, &batch.regions)
        try head(&reader, 1)
        let datasources = try names(&reader, rowCount, &batch.datasources)
        var numbers: [[UInt64]] = []
        for column in 2..<columns.count {
            try head(&reader, column)
            numbers.append(try words(&reader, rowCount))
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
    private static func head(_ reader: inout RowBinaryReader, _ column: Int) throws(TripstoreError) {
        let (name, type) = (try reader.string(), try reader.string())
        guard name == columns[column].name, type == columns[column].type else {
            throw TripstoreError(
                .internalFault, "ClickHouse's answer has a column \(name) of type \(type); please report this.")
        }
    }

    /// Returns the codes of a column of names.
    private static func names(
        _ reader: inout RowBinaryReader, _ rowCount: Int, _ dictionary: inout StringDictionary
    ) throws(TripstoreError) -> [UInt32] {
        var codes: [UInt32] = []
        codes.reserveCapacity(rowCount)
        for _ in 0..<rowCount { codes.append(dictionary.insert(try reader.string())) }
        return codes
    }

    private static func words(_ reader: inout RowBinaryReader, _ rowCount: Int) throws(TripstoreError) -> [UInt64] {
        guard rowCount <= reader.byteCount / 8 else { throw RowBinaryReader.cutOff }
        var words: [UInt64] = []
        words.reserveCapacity(rowCount)
        for _ in 0..<rowCount { words.append(try reader.integer()) }
        return words
    }
}
