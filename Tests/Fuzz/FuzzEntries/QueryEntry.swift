import ColumnStore
import Foundation
import Ingestion
import TripGenerator
import TripModel
import TripstoreAPI

/// The text of a query: refused with a sentence, or answered the same from the index and by the plain scan.
///
///     name=value&name=value…      in UTF-8, nothing escaped
enum QueryEntry {
    static func run(_ bytes: [UInt8]) {
        guard let text = String(validating: bytes, as: UTF8.self) else { return }
        let pairs = text.split(separator: "&", omittingEmptySubsequences: false).map { pair in
            let end = pair.firstIndex(of: "=") ?? pair.endIndex
            return (name: String(pair[..<end]), value: String(pair[end...].dropFirst()))
        }
        for precision in [1, 5, 12] {
            do throws(TripstoreError) {
                compareGroups(
                    try TripGroupsQuery(parameters: pairs, defaults: QueryDefaults(geohashPrecision: precision)))
            } catch { check(error) }
        }
        do throws(TripstoreError) { compareAverages(try WeeklyAverageQuery(parameters: pairs)) } catch { check(error) }
    }

    private static func check(_ error: TripstoreError) {
        precondition(error.code == .invalidArgument && !error.message.isEmpty, "\(error.code): \(error.message)")
    }

    // MARK: Answers

    private static func compareGroups(_ query: TripGroupsQuery) {
        precondition((1...12).contains(query.precision) && 1440 % query.bucketMinutes == 0)
        precondition((1...Limits.groupLimitMax).contains(query.limit) && query.offset >= 0)
        compare(
            { executor throws(TripstoreError) in
                var answer = try executor.tripGroups(query)
                answer.metrics = ScanMetrics()
                return answer
            }, "\(query)")
    }

    private static func compareAverages(_ query: WeeklyAverageQuery) {
        compare(
            { executor throws(TripstoreError) in
                var answer = try executor.weeklyAverage(query)
                answer.metrics = ScanMetrics()
                return answer
            }, "\(query)")
    }

    private static func compare<Answer: Equatable>(
        _ ask: (QueryExecutor) throws(TripstoreError) -> Answer, _ query: String
    ) {
        let answers = [true, false].map { useIndex -> Result<Answer, TripstoreError> in
            let executor = QueryExecutor(snapshot, on: pool, useIndex: useIndex)
            do throws(TripstoreError) { return .success(try ask(executor)) } catch { return .failure(error) }
        }
        switch (answers[0], answers[1]) {
        case (.success(let indexed), .success(let scanned)):
            precondition(indexed == scanned, "the index and the scan differ: \(query)")
        case (.failure(let indexed), .failure(let scanned)):
            precondition(indexed.code == scanned.code, "the index and the scan fail differently: \(query)")
            // No trip matches, or the requested groups are more than there are numbers for.
            precondition([.notFound, .invalidArgument].contains(indexed.code), "\(indexed.code): \(indexed.message)")
        default: preconditionFailure("the index and the scan differ: \(query)")
        }
    }

    // MARK: Trips

    private static let pool = WorkerPool(threadCount: 1)

    /// Two small segments; their files are gone, their mapped bytes are not.
    private static let snapshot: Snapshot = {
        do {
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tripstore-fuzz-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            return Snapshot(try [300, 1].map { try segment(rowCount: $0, in: folder.path) })
        } catch { preconditionFailure("the segments cannot be made: \(error)") }
    }()

    private static func segment(rowCount: Int, in folder: String) throws -> SegmentReader {
        let text = [UInt8](TripGenerator.header.utf8)
        guard let layout = CSVLayout(ownForm: try HeaderLine(parsing: text.span.bytes, isWholeFile: true)) else {
            preconditionFailure("generated trips are not in our own form")
        }
        var decoder = CSVDecoder(layout: layout)
        let lines = TripGenerator(rowCount: rowCount, seed: 1).chunk(0)
        let padded = lines + [UInt8](repeating: 0, count: Limits.chunkPaddingByteCount)
        let batch = decoder.decode(padded: padded.span.bytes, count: lines.count).batch
        let name = "\(rowCount).parquet"
        _ = try SegmentWriter.write(
            RowSorter.sort([batch], job: 1, on: pool), directory: folder, name: name, on: pool)
        return try SegmentReader(path: "\(folder)/\(name)")
    }
}
