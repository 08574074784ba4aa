import Bucketing
import ColumnStore
import TripModel

/// From decoded batches to one table in a segment's order.
enum SortingStages {
    /// Bytes of a sorted row: four coordinates, a time, two codes, a key.
    private static let rowByteCount = 4 * 8 + 8 + 2 * 4 + 8

    static func measure(
        _ batches: [TripBatch], _ stopwatch: Stopwatch, _ floors: Floors
    ) throws -> (stages: [Stage], trips: SortedTrips) {
        let pool = WorkerPool(threadCount: 1)
        let keying = stopwatch.nanoseconds {
            for batch in batches { keep(keys(of: batch).count) }
        }
        let weeks = byWeek(batches)
        var sortedKeys = weeks.map(\.keys)
        var sortedRows = weeks.map(\.rows)
        let sorting = stopwatch.nanoseconds {
            for week in weeks.indices { weeks[week].sort(into: &sortedKeys[week], &sortedRows[week]) }
        }
        let whole = try stopwatch.nanoseconds { keep(try RowSorter.sort(batches, job: 1, on: pool).count) }
        let stages = [
            Stage(
                name: "week and Morton key of each row", cost: keying, floor: floors.copy(24),
                floorName: "read 24 bytes, write 12"),
            Stage(
                name: "sort the keys of each week", cost: sorting, floor: floors.copy(12), floorName: "copy key and row once"),
            Stage(
                name: "split by week, merge names, gather columns", cost: whole - keying - sorting,
                floor: floors.copy(Double(rowByteCount)), floorName: "copy the columns once"),
        ]
        return (stages, try RowSorter.sort(batches, job: 1, on: pool))
    }

    private static func keys(of batch: TripBatch) -> [UInt64] {
        let rows = batch.rows.span
        var weeks = [Int32](repeating: 0, count: batch.count)
        var keys = [UInt64](repeating: 0, count: batch.count)
        var weekSpan = weeks.mutableSpan
        var keySpan = keys.mutableSpan
        for index in rows.indices {
            let row = rows[unchecked: index]
            weekSpan[unchecked: index] = ISOWeek(microseconds: row.time).index
            keySpan[unchecked: index] = MortonKey.key(longitude: row.originLongitude, latitude: row.originLatitude)
        }
        keep(weeks.count)
        return keys
    }

    /// The rows of a week.
    private struct Week {
        var keys: [UInt64] = []
        var rows: [UInt32] = []

        /// Sorts into other arrays, of the same size.
        func sort(into keys: inout [UInt64], _ rows: inout [UInt32]) {
            var sortedKeys = keys.mutableSpan
            var sortedRows = rows.mutableSpan
            RadixSort.sort(self.keys.span, self.rows.span, intoKeys: &sortedKeys, rows: &sortedRows)
        }
    }

    private static func byWeek(_ batches: [TripBatch]) -> [Week] {
        var weeks: [Int32: Week] = [:]
        var row: UInt32 = 0
        for batch in batches {
            let keys = keys(of: batch)
            for index in keys.indices {
                let week = ISOWeek(microseconds: batch.rows[index].time).index
                weeks[week, default: Week()].keys.append(keys[index])
                weeks[week, default: Week()].rows.append(row)
                row += 1
            }
        }
        return weeks.sorted { $0.key < $1.key }.map(\.value)
    }
}
