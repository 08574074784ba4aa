import GRDB
import TripModel

extension JobRecord {
    /// Reads a row of the table `jobs`.
    init(row: Row) { self.init(StoredJob(row: row)) }
}

/// A row of the table `jobs`.
private struct StoredJob: JobRow {
    let row: Row

    func text(_ column: JobColumn) -> String? { row[column.rawValue] }
    func integer(_ column: JobColumn) -> Int? { row[column.rawValue] }
    func flag(_ column: JobColumn) -> Bool { row[column.rawValue] }
}

extension JobValue {
    /// The value as an argument of a statement.
    var argument: (any DatabaseValueConvertible)? {
        switch self {
        case .text(let text): text
        case .integer(let number): number
        case .flag(let flag): flag
        }
    }
}

extension StatementArguments {
    /// Arguments by the names of columns, and some besides.
    init(
        _ values: [(column: JobColumn, value: JobValue)], _ others: [String: (any DatabaseValueConvertible)?] = [:]
    ) {
        self.init(others.merging(values.map { ($0.column.rawValue, $0.value.argument) }) { $1 })
    }
}
