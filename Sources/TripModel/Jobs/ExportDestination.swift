/// The destination of an export: a folder of this machine, or its equivalent elsewhere.
///
/// The export knows no protocol. Files are written on this machine, taken one by one, and published week by week. Weeks are
/// named by their Mondays: `2018-05-28`. Several threads may call `makeStaging` and `take` at once, and all methods may block.
package protocol ExportDestination: Sendable {
    /// Removes the mark that all weeks are from one moment, and what an aborted export has left behind.
    func begin() throws(TripstoreError)

    /// Creates a folder of this machine in which the files of a week are written.
    func makeStaging(_ week: String) throws(TripstoreError) -> String

    /// Takes a finished file of a week; it is not visible yet.
    func take(_ file: ExportedFile, of week: String) throws(TripstoreError)

    /// Publishes a week whose files were taken, replacing the existing one.
    func publish(_ week: String) throws(TripstoreError) -> ExportedWeek

    /// Deletes the weeks that were not exported, and marks the export as complete.
    ///
    /// - Returns: count of the deleted weeks.
    func finish(_ weeks: [String]) throws(TripstoreError) -> Int

    /// Deletes what was taken and not published, and lets other exports continue.
    func close()
}

/// A file of an export under its final name.
package struct ExportedFile: Hashable, Sendable {
    package var name: String
    package var byteCount: Int

    package init(name: String, byteCount: Int) {
        self.name = name
        self.byteCount = byteCount
    }
}

/// What happened to a week.
package enum ExportedWeek: Sendable {
    case written
    /// An earlier export had written the same bytes already.
    case kept
}
