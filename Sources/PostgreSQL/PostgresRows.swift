import CPostgreSQL

/// The rows that a statement returned, or the count of those that it changed.
struct PostgresRows: RandomAccessCollection {
    private let result: Result

    private final class Result {
        let handle: OpaquePointer
        init(_ handle: OpaquePointer) { self.handle = handle }
        deinit { libpq_clear(handle) }
    }

    /// Takes ownership of a libpq result.
    init(_ handle: OpaquePointer) { result = Result(handle) }

    /// The libpq result, valid as long as these rows exist.
    var handle: OpaquePointer { result.handle }

    var startIndex: Int { 0 }
    var endIndex: Int { Int(libpq_ntuples(result.handle)) }
    subscript(row: Int) -> Row { Row(rows: self, row: Int32(row)) }

    /// Rows that the statement inserted, updated or deleted.
    var changedCount: Int { Int(String(cString: libpq_cmd_tuples(result.handle))) ?? 0 }

    /// One row; a column is named by its index or its name.
    struct Row {
        fileprivate let rows: PostgresRows
        fileprivate let row: Int32

        func text(_ column: Int32) -> String? {
            let handle = rows.result.handle
            return libpq_getisnull(handle, row, column) == 1 ? nil : String(cString: libpq_getvalue(handle, row, column))
        }

        func text(_ name: String) -> String? {
            let column = libpq_fnumber(rows.result.handle, name)
            precondition(column >= 0, "There is no column \(name).")
            return text(column)
        }

        func integer(_ column: Int32) -> Int { text(column).flatMap { Int($0) } ?? 0 }
        func integer(_ name: String) -> Int { text(name).flatMap { Int($0) } ?? 0 }
        func flag(_ name: String) -> Bool { text(name) == "t" }
    }
}
