/// The struct `SchemaElement`: the flat list in which the format stores the tree of a schema, its root first.
///
/// Here the tree has one level: a root, and columns below it.
struct SchemaElement {
    private enum Repetition: Int32 { case required = 0, optional, `repeated` }

    private var physicalType: ParquetColumn.PhysicalType?
    private var repetition: Repetition?
    private var name = ""
    private var childCount = 0
    private var convertedType: Int64?
    private var logicalType: ParquetColumn.LogicalType?
}

// MARK: - Reading

extension SchemaElement {
    /// Reads a schema.
    static func columns(
        _ field: CompactThriftReader.Field, from reader: inout CompactThriftReader, in span: RawSpan
    ) throws(ParquetError) -> [ParquetColumn] {
        let start = reader.offset
        let count = try reader.list(field, of: .structure, in: span)
        guard count > 1 else { throw ParquetError(offset: start, kind: .malformed, detail: "the schema has no columns") }
        let root = try SchemaElement(from: &reader, in: span)
        var columns: [ParquetColumn] = []
        for _ in 1..<count {
            let offset = reader.offset
            columns.append(try SchemaElement(from: &reader, in: span).column(at: offset))
        }
        guard root.childCount == columns.count else {
            throw ParquetError(offset: start, kind: .malformed, detail: "the schema's root does not hold all columns")
        }
        return columns
    }

    private func column(at offset: Int) throws(ParquetError) -> ParquetColumn {
        guard childCount == 0, repetition != .repeated else {
            throw ParquetError(offset: offset, kind: .unsupported, detail: "column \(name) is nested")
        }
        guard let physicalType, let repetition, !name.isEmpty else {
            throw ParquetError(offset: offset, kind: .malformed, detail: "a column lacks its name, type or repetition")
        }
        return ParquetColumn(
            name: name, physicalType: physicalType, logicalType: logicalType ?? convertedLogicalType,
            isOptional: repetition == .optional)
    }

    /// The logical type that an older writer means.
    private var convertedLogicalType: ParquetColumn.LogicalType? {
        switch convertedType {
        case nil: nil
        case 0: .string
        case 6: .date
        case 9: .timestamp(.milliseconds, isAdjustedToUTC: true)
        case 10: .timestamp(.microseconds, isAdjustedToUTC: true)
        default: .other(0)
        }
    }

    private init(from reader: inout CompactThriftReader, in span: RawSpan) throws(ParquetError) {
        self.init()
        var id: Int16 = 0
        while let field = try reader.field(after: &id, in: span) {
            switch field.id {
            case 1: physicalType = try .init(exactly: try reader.integer(field, in: span), "type", at: reader.offset)
            case 3: repetition = try .init(exactly: try reader.integer(field, in: span), "repetition", at: reader.offset)
            case 4: name = try reader.string(field, in: span)
            case 5: childCount = try reader.count(field, in: span)
            case 6: convertedType = try reader.integer(field, in: span)
            case 10:
                try reader.structure(field)
                logicalType = try Self.logicalType(from: &reader, in: span)
            default: try reader.skip(field, in: span)
            }
        }
    }

    /// Reads the union `LogicalType`.
    private static func logicalType(
        from reader: inout CompactThriftReader, in span: RawSpan
    ) throws(ParquetError) -> ParquetColumn.LogicalType? {
        var type: ParquetColumn.LogicalType?
        var id: Int16 = 0
        while let field = try reader.field(after: &id, in: span) {
            if field.id == 8 {
                try reader.structure(field)
                type = try timestamp(from: &reader, in: span)
            } else {
                try reader.skip(field, in: span)
                type = field.id == 1 ? .string : field.id == 6 ? .date : .other(Int(field.id))
            }
        }
        return type
    }

    /// Reads `TimestampType`.
    private static func timestamp(
        from reader: inout CompactThriftReader, in span: RawSpan
    ) throws(ParquetError) -> ParquetColumn.LogicalType {
        var isAdjustedToUTC: Bool?
        var unit: ParquetColumn.TimeUnit?
        var id: Int16 = 0
        while let field = try reader.field(after: &id, in: span) {
            switch field.id {
            case 1: isAdjustedToUTC = try reader.bool(field)
            case 2:
                try reader.structure(field)
                unit = try timeUnit(from: &reader, in: span)
            default: try reader.skip(field, in: span)
            }
        }
        guard let isAdjustedToUTC, let unit else { return .other(8) }
        return .timestamp(unit, isAdjustedToUTC: isAdjustedToUTC)
    }

    /// Reads the union `TimeUnit`.
    private static func timeUnit(
        from reader: inout CompactThriftReader, in span: RawSpan
    ) throws(ParquetError) -> ParquetColumn.TimeUnit? {
        var unit: ParquetColumn.TimeUnit?
        var id: Int16 = 0
        while let field = try reader.field(after: &id, in: span) {
            switch field.id {
            case 1: unit = .milliseconds
            case 2: unit = .microseconds
            case 3: unit = .nanoseconds
            default: break
            }
            try reader.skip(field, in: span)
        }
        return unit
    }
}

// MARK: - Writing

extension SchemaElement {
    /// Writes a schema as a list of elements.
    static func write(_ schema: ParquetSchema, to writer: inout CompactThriftWriter, field id: Int16) {
        writer.write(listOf: .structure, count: schema.columns.count + 1, field: id)
        writer.append { writer in
            writer.write(string: "schema", field: 4)
            writer.write(i32: Int32(schema.columns.count), field: 5)
        }
        for column in schema.columns { write(column, to: &writer) }
    }

    private static func write(_ column: ParquetColumn, to writer: inout CompactThriftWriter) {
        writer.append { writer in
            writer.write(i32: column.physicalType.rawValue, field: 1)
            writer.write(i32: (column.isOptional ? Repetition.optional : .required).rawValue, field: 3)
            writer.write(string: column.name, field: 4)
            switch column.logicalType {
            case nil: break
            case .string: write(convertedType: 0, unionField: 1, to: &writer)
            case .date: write(convertedType: 6, unionField: 6, to: &writer)
            case .timestamp(let unit, let isAdjustedToUTC): write(unit, isAdjustedToUTC, to: &writer)
            case .other: preconditionFailure("this logical type cannot be written")
            }
        }
    }

    private static func write(convertedType: Int32, unionField: Int16, to writer: inout CompactThriftWriter) {
        writer.write(i32: convertedType, field: 6)
        writer.write(structure: 10) { writer in writer.write(structure: unionField) { _ in } }
    }

    /// A local wall-clock time has no converted type: the old ones all mean UTC.
    private static func write(
        _ unit: ParquetColumn.TimeUnit, _ isAdjustedToUTC: Bool, to writer: inout CompactThriftWriter
    ) {
        if isAdjustedToUTC, unit != .nanoseconds { writer.write(i32: unit == .milliseconds ? 9 : 10, field: 6) }
        let unitField: Int16 =
            switch unit {
            case .milliseconds: 1
            case .microseconds: 2
            case .nanoseconds: 3
            }
        writer.write(structure: 10) { writer in
            writer.write(structure: 8) { writer in
                writer.write(bool: isAdjustedToUTC, field: 1)
                writer.write(structure: 2) { writer in writer.write(structure: unitField) { _ in } }
            }
        }
    }
}
