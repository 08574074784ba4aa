/// The columns of a table, in order.
///
/// Tables here are flat: no groups, no repeated columns.
public struct ParquetSchema: Hashable, Sendable {
    public let columns: [ParquetColumn]

    /// Makes a schema of some columns.
    public init(columns: [ParquetColumn]) { self.columns = columns }

    /// Returns the index of the column with a name.
    public func index(of name: String) -> Int? { columns.firstIndex { $0.name == name } }
}

/// One column of a schema: its name, and what its values are.
public struct ParquetColumn: Hashable, Sendable {
    /// How a value is stored; raw values are those of the format.
    public enum PhysicalType: Int32, Hashable, Sendable {
        case boolean = 0
        case int32, int64, int96, float, double, byteArray, fixedLengthByteArray
    }

    public enum TimeUnit: Hashable, Sendable { case milliseconds, microseconds, nanoseconds }

    /// The meaning of a stored value; without one, its physical type defines it.
    public enum LogicalType: Hashable, Sendable {
        /// UTF-8 text in `byteArray`.
        case string
        /// Days since 1970-01-01 in `int32`.
        case date
        /// Time since 1970-01-01T00:00:00 in `int64`: UTC if it is adjusted to it, otherwise local wall-clock time.
        case timestamp(TimeUnit, isAdjustedToUTC: Bool)
        /// A type that is not interpreted here, with its ID in the format's `LogicalType`, or 0 if it has none.
        case other(Int)
    }

    public let name: String
    public let physicalType: PhysicalType
    public let logicalType: LogicalType?
    /// True if values may be missing: a missing double is NaN here, a missing text has the code `ParquetColumn.missingCode`.
    ///
    /// Optional columns of integers can be read as long as no value is missing; they are not written.
    public let isOptional: Bool

    /// Makes a column.
    public init(name: String, physicalType: PhysicalType, logicalType: LogicalType? = nil, isOptional: Bool = false) {
        self.name = name
        self.physicalType = physicalType
        self.logicalType = logicalType
        self.isOptional = isOptional
    }

    /// The code of a text that is missing, which no dictionary has.
    public static let missingCode = UInt32.max

    /// True if the order of values is that of their physical type, so that bounds can be compared as such.
    var hasNaturalOrder: Bool {
        if case .other = logicalType { false } else { true }
    }
}

/// How the values of a page are laid out; raw values are those of the format.
public enum ParquetEncoding: Int32, Hashable, Sendable, CustomStringConvertible {
    case plain = 0
    case plainDictionary = 2
    case rle, bitPacked, deltaBinaryPacked, deltaLengthByteArray, deltaByteArray, rleDictionary, byteStreamSplit, alp

    /// The name in the specification.
    public var description: String {
        switch self {
        case .plain: "PLAIN"
        case .plainDictionary: "PLAIN_DICTIONARY"
        case .rle: "RLE"
        case .bitPacked: "BIT_PACKED"
        case .deltaBinaryPacked: "DELTA_BINARY_PACKED"
        case .deltaLengthByteArray: "DELTA_LENGTH_BYTE_ARRAY"
        case .deltaByteArray: "DELTA_BYTE_ARRAY"
        case .rleDictionary: "RLE_DICTIONARY"
        case .byteStreamSplit: "BYTE_STREAM_SPLIT"
        case .alp: "ALP"
        }
    }

    /// True if values are codes in the chunk's dictionary.
    var isDictionary: Bool { self == .rleDictionary || self == .plainDictionary }
}

/// How the bytes of a page are compressed; raw values are those of the format.
public enum ParquetCodec: Int32, Hashable, Sendable, CustomStringConvertible {
    case uncompressed = 0
    case snappy, gzip, lzo, brotli, lz4, zstd, lz4Raw

    /// The name in the specification.
    public var description: String {
        switch self {
        case .uncompressed: "UNCOMPRESSED"
        case .snappy: "SNAPPY"
        case .gzip: "GZIP"
        case .lzo: "LZO"
        case .brotli: "BROTLI"
        case .lz4: "LZ4"
        case .zstd: "ZSTD"
        case .lz4Raw: "LZ4_RAW"
        }
    }
}

/// A column by which the rows of each row group are sorted; the first one counts most.
public struct ParquetSortingColumn: Hashable, Sendable {
    /// Index in the schema.
    public let columnIndex: Int
    public let isDescending: Bool
    public let nullsFirst: Bool

    /// Makes a sorting column.
    public init(columnIndex: Int, isDescending: Bool = false, nullsFirst: Bool = false) {
        self.columnIndex = columnIndex
        self.isDescending = isDescending
        self.nullsFirst = nullsFirst
    }
}
