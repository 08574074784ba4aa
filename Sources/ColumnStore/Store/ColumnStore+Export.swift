import Bucketing
package import TripModel

/// The result of an export.
package struct ExportReport: Sendable {
    package var trips = 0
    package var weeks = 0
    package var files = 0
    package var bytes = 0
    /// Weeks that an earlier export had written already, with the same bytes.
    package var keptWeeks = 0
    /// Weeks of an earlier export that have no trips any more.
    package var removedWeeks = 0
    /// The warning of answers while trips are missing; nil if none are.
    package var warning: String?
}

/// How trips are written for engines that read a data lake.
extension ColumnStore {
    /// Writes the trips of this moment as a folder of Parquet files with a folder for each week; `HiveFolder` says how an
    /// earlier export is replaced.
    ///
    /// - Parameter report: receives the counts of the trips written so far, and of all.
    package func exportHive(
        to path: String, _ report: (_ trips: Int, _ count: Int) -> Void = { _, _ in }
    ) throws(TripstoreError) -> ExportReport {
        // The store is checked first: its faults are not the folder's.
        let snapshot = try snapshot()
        return try exportHive(snapshot, to: HiveFolder(path, outside: folders), report)
    }

    /// Writes the trips of this moment to a destination that looks like such a folder.
    package func exportHive(
        to destination: any ExportDestination, _ report: (_ trips: Int, _ count: Int) -> Void = { _, _ in }
    ) throws(TripstoreError) -> ExportReport {
        let snapshot: Snapshot
        do throws(TripstoreError) {
            snapshot = try self.snapshot()
        } catch {
            destination.close()
            throw error
        }
        return try exportHive(snapshot, to: destination, report)
    }

    private func exportHive(
        _ snapshot: Snapshot, to destination: any ExportDestination, _ report: (_ trips: Int, _ count: Int) -> Void
    ) throws(TripstoreError) -> ExportReport {
        defer { destination.close() }
        do {
            return try export(snapshot, to: destination, report)
        } catch {
            throw error as? TripstoreError ?? TripstoreError(.internalFault, "Trips could not be exported: \(error).")
        }
    }

    private func export(
        _ snapshot: Snapshot, to destination: any ExportDestination, _ tell: (_ trips: Int, _ count: Int) -> Void
    ) throws -> ExportReport {
        let segments = snapshot.segments
        let plan = ExportPlan(segments, rowCountMax: options.segmentRowCount)
        let writer = ExportFileWriter(on: pool)
        var report = ExportReport()
        report.weeks = plan.weeks.count
        report.warning = snapshot.warning
        try destination.begin()
        for part in plan.parts {
            let batches = try pool.map(count: part.rows.count) { index in
                let (segment, ranges) = part.rows[index]
                return try SegmentRewriter.divide(
                    segments[segment], ranges, borders: [part.keys.lowerBound, part.keys.upperBound])[0]
            }
            // Batches have the job of each trip, so no default is needed here.
            let trips = try RowSorter.sort(batches.flatMap(\.self), job: 0, byDatasource: false, on: pool)
            let files = try pool.map(count: trips.partitions.count) { partition in
                let partition = trips.partitions[partition]
                let week = trips.weeks[partition.week].startText
                let directory = try destination.makeStaging(week)
                let file = try writer.write(trips, rows: partition.rows, directory: directory, number: part.number)
                try destination.take(file, of: week)
                return file
            }
            report.trips += trips.count
            report.files += files.count
            report.bytes += files.reduce(0) { $0 + $1.byteCount }
            if part.isLast {
                for week in plan.weeks where part.weeks.contains(week) {
                    if try destination.publish(week.startText) == .kept { report.keptWeeks += 1 }
                }
            }
            tell(report.trips, snapshot.rowCount)
        }
        report.removedWeeks = try destination.finish(plan.weeks.map(\.startText))
        return report
    }
}
