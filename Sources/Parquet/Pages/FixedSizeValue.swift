/// A Swift type whose values are those of a physical type of fixed size, byte for byte.
protocol FixedSizeValue: BitwiseCopyable, Equatable {
    static var physicalType: ParquetColumn.PhysicalType { get }

    /// What stands for a value that is missing; nil if nothing can.
    static var missing: Self? { get }

    static func bounds(_ values: Span<Self>) -> ParquetBounds

    /// Appends values in DELTA_BINARY_PACKED, or returns false if the type has no such encoding.
    static func encodeDeltas(_ values: Span<Self>, into bytes: inout [UInt8]) -> Bool

    /// Decodes values in DELTA_BINARY_PACKED, or returns false if the type has no such encoding.
    static func decodeDeltas(
        _ bytes: RawSpan, count: Int, fileOffset: Int, into values: inout MutableSpan<Self>, at start: Int
    ) throws(ParquetError) -> Bool
}

extension FixedSizeValue {
    /// Whether a value stands for one that is missing.
    @inline(__always)
    var isMissing: Bool { Self.missing != nil && self != self }
}

extension Int32: FixedSizeValue {
    static var physicalType: ParquetColumn.PhysicalType { .int32 }
    static var missing: Int32? { nil }

    static func bounds(_ values: Span<Int32>) -> ParquetBounds { ParquetBounds(values) }

    static func encodeDeltas(_ values: Span<Int32>, into bytes: inout [UInt8]) -> Bool {
        DeltaBinaryPackedEncoding.encode(values, into: &bytes)
        return true
    }

    static func decodeDeltas(
        _ bytes: RawSpan, count: Int, fileOffset: Int, into values: inout MutableSpan<Int32>, at start: Int
    ) throws(ParquetError) -> Bool {
        try DeltaBinaryPackedEncoding.decode(bytes, count: count, fileOffset: fileOffset, into: &values, at: start)
        return true
    }
}

extension Int64: FixedSizeValue {
    static var physicalType: ParquetColumn.PhysicalType { .int64 }
    static var missing: Int64? { nil }

    static func bounds(_ values: Span<Int64>) -> ParquetBounds { ParquetBounds(values) }

    static func encodeDeltas(_ values: Span<Int64>, into bytes: inout [UInt8]) -> Bool {
        DeltaBinaryPackedEncoding.encode(values, into: &bytes)
        return true
    }

    static func decodeDeltas(
        _ bytes: RawSpan, count: Int, fileOffset: Int, into values: inout MutableSpan<Int64>, at start: Int
    ) throws(ParquetError) -> Bool {
        try DeltaBinaryPackedEncoding.decode(bytes, count: count, fileOffset: fileOffset, into: &values, at: start)
        return true
    }
}

extension Double: FixedSizeValue {
    static var physicalType: ParquetColumn.PhysicalType { .double }
    static var missing: Double? { .nan }

    static func bounds(_ values: Span<Double>) -> ParquetBounds { ParquetBounds(values) }

    static func encodeDeltas(_ values: Span<Double>, into bytes: inout [UInt8]) -> Bool { false }

    static func decodeDeltas(
        _ bytes: RawSpan, count: Int, fileOffset: Int, into values: inout MutableSpan<Double>, at start: Int
    ) throws(ParquetError) -> Bool { false }
}
