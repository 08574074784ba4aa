import Parquet
import TripModel

/// The columns of a segment, in their order in the file, and how each is encoded.
///
/// `docs/FORMAT.md` explains the choice of each encoding.
package enum SegmentColumn: Int, CaseIterable, Sendable {
    case region, datasource, originLongitude, originLatitude, destinationLongitude, destinationLatitude, time, week
    case originGeohash, destinationGeohash, jobID

    /// The name in the file.
    package var name: String {
        switch self {
        case .region: "region"
        case .datasource: "datasource"
        case .originLongitude: "origin_longitude"
        case .originLatitude: "origin_latitude"
        case .destinationLongitude: "destination_longitude"
        case .destinationLatitude: "destination_latitude"
        case .time: "time"
        case .week: "week"
        case .originGeohash: "origin_geohash"
        case .destinationGeohash: "destination_geohash"
        case .jobID: "job_id"
        }
    }

    /// Whether its pages are the smaller ones of the origins' coordinates.
    var isOriginCoordinate: Bool { self == .originLongitude || self == .originLatitude }

    /// Whether it is one of the four coordinates.
    var isCoordinate: Bool {
        switch self {
        case .originLongitude, .originLatitude, .destinationLongitude, .destinationLatitude: true
        default: false
        }
    }

    /// The zstd level for its pages.
    package var zstdLevel: Int32 { isCoordinate ? Limits.coordinateZstdLevel : Limits.zstdLevel }

    /// Whether trips without a destination have no value in it.
    var isOfDestination: Bool {
        switch self {
        case .destinationLongitude, .destinationLatitude, .destinationGeohash: true
        default: false
        }
    }

    /// Physical and logical type.
    ///
    /// - Parameter lacksDestinations: whether some trips of the file have no destination; otherwise no value can be missing.
    func parquetColumn(lacksDestinations: Bool) -> ParquetColumn {
        let isOptional = lacksDestinations && isOfDestination
        return switch self {
        case .region, .datasource, .originGeohash, .destinationGeohash:
            ParquetColumn(name: name, physicalType: .byteArray, logicalType: .string, isOptional: isOptional)
        case .originLongitude, .originLatitude, .destinationLongitude, .destinationLatitude:
            ParquetColumn(name: name, physicalType: .double, isOptional: isOptional)
        case .time:
            ParquetColumn(name: name, physicalType: .int64, logicalType: .timestamp(.microseconds, isAdjustedToUTC: false))
        case .week: ParquetColumn(name: name, physicalType: .int32, logicalType: .date)
        case .jobID: ParquetColumn(name: name, physicalType: .int64)
        }
    }

    /// Whether some trips of a file may have no destination.
    static func lackDestinations(_ schema: ParquetSchema) -> Bool {
        schema.columns.count > destinationLongitude.rawValue && schema.columns[destinationLongitude.rawValue].isOptional
    }

    static func schema(lacksDestinations: Bool) -> ParquetSchema {
        ParquetSchema(columns: allCases.map { $0.parquetColumn(lacksDestinations: lacksDestinations) })
    }

    /// A Morton key's geohash is its prefix and base 32 keeps its order, so rows are sorted by the stored geohash too.
    static func sortingColumns(byDatasource: Bool) -> [ParquetSortingColumn] {
        ((byDatasource ? [datasource] : []) + [week, originGeohash]).map { ParquetSortingColumn(columnIndex: $0.rawValue) }
    }

    /// Keys of the footer's key-value metadata that are ours.
    enum MetadataKey {
        static let formatVersion = "tripstore.format_version"
        static let indexVersion = "tripstore.index.version"
        static let indexOffset = "tripstore.index.offset"
        static let indexByteCount = "tripstore.index.byte_count"
        static let indexUncompressedByteCount = "tripstore.index.uncompressed_byte_count"
        static let indexChecksum = "tripstore.index.crc32"
        static let approximationsVersion = "tripstore.approximations.version"
        static let approximationsOffset = "tripstore.approximations.offset"
        static let geohashPrecision = "tripstore.geohash_precision"
        static let jobs = "tripstore.jobs"
        static let jobsChecksum = "tripstore.jobs.crc32"
        static let replaces = "tripstore.replaces"
        static let fileChecksum = "tripstore.file.crc32"
    }

    /// The latest version of the whole layout; `docs/FORMAT.md` lists what each version changed.
    static let formatVersion = 2

    /// The earliest version that has what a file needs: programs of that version read it.
    static func formatVersion(lacksDestinations: Bool) -> Int { lacksDestinations ? 2 : 1 }

    /// Refuses a file with a newer layout, which may be intact but cannot be validated here; `version` is from its footer.
    static func refuseNewerFormat(_ version: String?, of path: String) throws(TripstoreError) {
        guard let version = version.flatMap({ Int($0) }), version > formatVersion else { return }
        throw TripstoreError(
            .conflict,
            "Segment \(path) was written by a newer version of tripstore (format \(version), this program supports "
                + "\(formatVersion)); nothing was touched, open the store with that version.")
    }
}
