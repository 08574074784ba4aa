import Bucketing
package import TripModel

/// Trips as CSV for ingestion: ingesting it gives trips equal to the exported ones, to the last bit.
///
/// Coordinates are the shortest decimals that are read back as the same doubles; times have their microseconds. The cell of a
/// missing destination is empty, so a file with such trips is ingested with `missing_destination=keep`.
package struct CSVExport {
    /// Maximum of pieces that are read and encoded at a time.
    private static let pieceCountMax = 4
    package static let header = "region,origin_coord,destination_coord,datetime,datasource\n"

    private let store: any TripEngine

    package init(_ store: any TripEngine) { self.store = store }

    /// Writes the trips of this moment, job after job as they are stored; returns their count.
    ///
    /// - Parameters:
    ///   - write: receives the next bytes.
    ///   - report: receives the counts of the trips written so far, and of all.
    package func write(
        _ write: ([UInt8]) throws -> Void, _ report: (_ trips: Int, _ count: Int) -> Void
    ) throws -> Int {
        let jobs = try store.select(nil).filter { $0.job.status == .completed }
        let missing = try jobs.reduce(0) { sum, record throws(TripstoreError) in
            sum + (try store.storage.quarantine?.missingTrips(ofJob: record.job.id) ?? 0)
        }
        let count = jobs.reduce(0) { $0 + $1.job.tripCount } - missing
        let pieces = try store.pieces(of: Set(jobs.map(\.job.id)))
        var encoding: [Pending<(bytes: [UInt8], rowCount: Int)>] = []
        defer { for piece in encoding { _ = try? piece.wait() } }
        var (next, rowCount) = (0, 0)
        try write(Array(Self.header.utf8))
        while next < pieces.count || !encoding.isEmpty {
            while next < pieces.count, encoding.count < Self.pieceCountMax {
                let piece = pieces[next]
                encoding.append(store.pool.submit { Self.encode(try piece.read()) })
                next += 1
            }
            let encoded = try encoding.removeFirst().wait()
            try write(encoded.bytes)
            rowCount += encoded.rowCount
            report(rowCount, count)
        }
        guard rowCount == count else {
            throw TripstoreError(
                .conflict,
                "Only \(rowCount.grouped) of \(count.grouped) trips were read: a job was deleted meanwhile, or the store has lost trips; export again, "
                    + "and if that does not help, look at `tripstore verify` or at the warning of answers.")
        }
        return rowCount
    }

    private static func encode(_ batches: [TripBatch]) -> (bytes: [UInt8], rowCount: Int) {
        var bytes: [UInt8] = []
        let rowCount = batches.reduce(0) { $0 + $1.count }
        bytes.reserveCapacity(rowCount * 128)
        for batch in batches { append(batch, to: &bytes) }
        return (bytes, rowCount)
    }

    /// Appends the lines of a batch.
    package static func append(_ batch: TripBatch, to bytes: inout [UInt8]) {
        let regions = batch.regions.strings.map(field)
        let datasources = batch.datasources.strings.map(field)
        for row in batch.rows {
            bytes += regions[Int(row.region)]
            append(row.originLongitude, row.originLatitude, to: &bytes)
            if row.hasDestination {
                append(row.destinationLongitude, row.destinationLatitude, to: &bytes)
            } else {
                bytes.append(UInt8(ascii: ","))
            }
            bytes.append(UInt8(ascii: ","))
            LocalDateTime.append(microseconds: row.time, separator: UInt8(ascii: " "), to: &bytes)
            bytes.append(UInt8(ascii: ","))
            bytes += datasources[Int(row.datasource)]
            bytes.append(UInt8(ascii: "\n"))
        }
    }

    private static func append(_ longitude: Double, _ latitude: Double, to bytes: inout [UInt8]) {
        bytes += ",POINT (".utf8
        bytes += longitude.description.utf8
        bytes.append(UInt8(ascii: " "))
        bytes += latitude.description.utf8
        bytes.append(UInt8(ascii: ")"))
    }

    /// Returns a name as a field: quoted if anything in it could be misread (RFC 4180).
    private static func field(_ name: String) -> [UInt8] {
        let isPlain =
            name.utf8.allSatisfy { $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: ",") && $0 >= 0x20 }
            && name.utf8.first != 0x20 && name.utf8.last != 0x20
        if isPlain { return Array(name.utf8) }
        // By bytes: a quote with an accent over it is a character of its own.
        let quote = UInt8(ascii: "\"")
        return [quote] + name.utf8.flatMap { $0 == quote ? [quote, quote] : [$0] } + [quote]
    }
}
