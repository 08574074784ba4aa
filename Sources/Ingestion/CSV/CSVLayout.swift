/// What a field of a record may hold; the first five are the columns of our own form, in the order in which rows are checked.
package enum CSVColumn: Int, CaseIterable, Sendable {
    case region
    /// A point, or its longitude.
    case origin, destination
    /// Date and time of day, or the date.
    case time
    case datasource
    case originLatitude, destinationLatitude
    case timeOfDay

    static let count = 8

    /// The columns of our own form.
    package static let ownForm: [CSVColumn] = [.region, .origin, .destination, .time, .datasource]

    /// The column's name in a header of our own form.
    package var name: String {
        switch self {
        case .region: "region"
        case .origin: "origin_coord"
        case .destination: "destination_coord"
        case .time: "datetime"
        case .datasource: "datasource"
        case .originLatitude, .destinationLatitude, .timeOfDay: ""
        }
    }
}

/// Where the records of a file have what a trip needs, and in which form: all that the decoder knows of the file.
package struct CSVLayout: Hashable, Sendable {
    /// The byte between fields.
    package var delimiter = UInt8(ascii: ",")
    /// Bytes and physical lines of the file before its first record.
    package let byteCount: Int
    package let lineCount: Int
    /// Names in the header: fields that a record has at least.
    package let nameCount: Int
    /// Fields that it has at most; those without a name must be empty.
    package let fieldCount: Int
    /// The field of each column, by the raw value of `CSVColumn`; -1 for a column that the file lacks.
    let fieldIndices: InlineArray<8, Int>
    /// How values are read; nil if they are those of our own form.
    package var form: RowForm?
    /// What rows take that name none; nil if they are rejected.
    package var region: String?
    package var datasource: String?

    package init(
        header: HeaderLine, fieldCount: Int? = nil, fields: [(column: CSVColumn, field: Int)], form: RowForm? = nil
    ) {
        byteCount = header.byteCount
        lineCount = header.lineCount
        nameCount = header.names.count
        self.fieldCount = max(header.names.count, fieldCount ?? 0)
        var indices = InlineArray<8, Int>(repeating: -1)
        for (column, field) in fields { indices[column.rawValue] = field }
        fieldIndices = indices
        self.form = form
    }

    /// The layout of our own form; nil if the header lacks one of its columns, or names one twice.
    ///
    /// Columns may come in any order, with others among them; blanks around names and their case make no difference.
    package init?(ownForm header: HeaderLine) {
        let names = header.names.map { $0.trimmingBlanks().lowercased() }
        var fields: [(column: CSVColumn, field: Int)] = []
        for column in CSVColumn.ownForm {
            let found = names.indices.filter { names[$0] == column.name }
            guard found.count == 1 else { return nil }
            fields.append((column, found[0]))
        }
        self.init(header: header, fields: fields)
    }

    /// Returns which field of a record holds a column; -1 if none does.
    package subscript(column: CSVColumn) -> Int { fieldIndices[column.rawValue] }

    package static func == (a: CSVLayout, b: CSVLayout) -> Bool {
        a.delimiter == b.delimiter && a.byteCount == b.byteCount && a.lineCount == b.lineCount && a.nameCount == b.nameCount
            && a.fieldCount == b.fieldCount && a.form == b.form && a.region == b.region && a.datasource == b.datasource
            && a.fieldIndices.indices.allSatisfy { a.fieldIndices[$0] == b.fieldIndices[$0] }
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(byteCount)
        hasher.combine(form)
        for index in fieldIndices.indices { hasher.combine(fieldIndices[index]) }
    }
}
