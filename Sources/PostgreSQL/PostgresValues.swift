import TripModel

/// Columns of a job with their values, as the parts of a statement.
struct PostgresValues {
    /// The columns, separated by commas.
    let names: String
    /// A parameter for each column, with its type: `$3::bigint, $4::text`.
    let placeholders: String
    /// Each column with its parameter: `total_bytes = $3::bigint, message = $4::text`.
    let assignments: String
    let parameters: [(any PostgresValue)?]

    /// - Parameter first: the number of the first parameter; those before it are the statement's own.
    init(_ values: [(column: JobColumn, value: JobValue)], from first: Int) {
        let placeholders = values.enumerated().map { "$\(first + $0)::\($1.value.type)" }
        names = values.map(\.column.rawValue).joined(separator: ", ")
        self.placeholders = placeholders.joined(separator: ", ")
        assignments = zip(values, placeholders).map { "\($0.column.rawValue) = \($1)" }.joined(separator: ", ")
        parameters = values.map { $0.value.parameter }
    }
}

extension JobValue {
    /// The type of the column.
    fileprivate var type: String {
        switch self {
        case .text: "text"
        case .integer: "bigint"
        case .flag: "boolean"
        }
    }

    fileprivate var parameter: (any PostgresValue)? {
        switch self {
        case .text(let text): text
        case .integer(let number): number
        case .flag(let flag): flag
        }
    }
}

extension PostgresRows.Row: JobRow {
    func text(_ column: JobColumn) -> String? { text(column.rawValue) }
    func integer(_ column: JobColumn) -> Int? { text(column.rawValue).flatMap { Int($0) } }
    func flag(_ column: JobColumn) -> Bool { flag(column.rawValue) }
}
