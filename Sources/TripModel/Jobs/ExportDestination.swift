/// Where an export goes: a folder of this machine, or what is like one elsewhere.
///
/// The export knows no protocol. Files are written on this machine, taken one by one, and shown week by week. Weeks are named by their Mondays: `2018-05-28`.
/// `makeStaging` and `take` may be called by several threads at once, and all methods may block.
package protocol ExportDestination: Sendable {
    /// Takes the sign away that all weeks are of one moment, and what an export that broke off has left behind.
    func begin() throws(ColumnStoreError)

    /// Makes a folder of this machine in which the files of a week are written.
    func makeStaging(_ week: String) throws(ColumnStoreError) -> String

    /// Takes a file of a week that is written; nobody sees it yet.
    func take(_ file: ExportedFile, of week: String) throws(ColumnStoreError)

    /// Shows a week whose files were taken, in the place of the one that is there.
    func publish(_ week: String) throws(ColumnStoreError) -> ExportedWeek

    /// Removes the weeks that are not among those that were exported, and says that the export is whole.
    ///
    /// - Returns: number of weeks that were removed.
    func finish(_ weeks: [String]) throws(ColumnStoreError) -> Int

    /// Takes away what was taken and is not shown, and lets other exports go on.
    func close()
}

/// A file of an export that has its name.
package struct ExportedFile: Hashable, Sendable {
    package var name: String
    package var byteCount: Int

    package init(name: String, byteCount: Int) {
        self.name = name
        self.byteCount = byteCount
    }
}

/// What became of a week.
package enum ExportedWeek: Sendable {
    case written
    /// An earlier export had brought it already, to the byte.
    case kept
}
