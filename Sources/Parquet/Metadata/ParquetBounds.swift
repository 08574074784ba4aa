/// A value in statistics.
public enum ParquetValue: Hashable, Sendable {
    case int32(Int32)
    case int64(Int64)
    case double(Double)
    case bytes([UInt8])

    public var int32: Int32? {
        if case .int32(let value) = self { value } else { nil }
    }

    public var int64: Int64? {
        if case .int64(let value) = self { value } else { nil }
    }

    public var double: Double? {
        if case .double(let value) = self { value } else { nil }
    }

    /// The bytes as text; a bound that another writer has truncated may end in U+FFFD.
    public var string: String? {
        if case .bytes(let value) = self { String(decoding: value, as: UTF8.self) } else { nil }
    }

    /// Returns whether a value comes before another of its type; bytes are compared unsigned.
    static func precedes(_ left: Self, _ right: Self) -> Bool {
        switch (left, right) {
        case (.int32(let left), .int32(let right)): left < right
        case (.int64(let left), .int64(let right)): left < right
        case (.double(let left), .double(let right)): left < right
        case (.bytes(let left), .bytes(let right)): left.lexicographicallyPrecedes(right)
        default: false
        }
    }
}

/// The bounds of the values of a page or a column chunk, and the count of values outside all bounds.
///
/// Every value that is neither null nor NaN lies between the bounds, both included. The bounds need not occur themselves: the
/// specification lets writers shorten them, and widens zeros to -0.0 below and +0.0 above.
public struct ParquetBounds: Hashable, Sendable {
    public let minimum: ParquetValue?
    public let maximum: ParquetValue?
    public let nullCount: Int?
    public let nanCount: Int?

    init(minimum: ParquetValue?, maximum: ParquetValue?, nullCount: Int?, nanCount: Int?) {
        self.minimum = minimum
        self.maximum = maximum
        self.nullCount = nullCount
        self.nanCount = nanCount
    }
}

// MARK: - Bounds of values

extension ParquetBounds {
    init(_ values: Span<Int32>) {
        let range = Self.range(values)
        self.init(
            minimum: range.map { .int32($0.lowerBound) }, maximum: range.map { .int32($0.upperBound) },
            nullCount: 0, nanCount: nil)
    }

    init(_ values: Span<Int64>) {
        let range = Self.range(values)
        self.init(
            minimum: range.map { .int64($0.lowerBound) }, maximum: range.map { .int64($0.upperBound) },
            nullCount: 0, nanCount: nil)
    }

    /// Computes bounds without NaN, which has no position in their order, and regardless of the sign of zero, which has none.
    init(_ values: Span<Double>) {
        // Eight at a time: a comparison that waits for the previous one would take four cycles a value.
        var lows = SIMD8<Double>(repeating: .infinity)
        var highs = SIMD8<Double>(repeating: -.infinity)
        var nans = SIMD8<Int64>.zero
        let blockedCount = values.count & ~7
        for start in stride(from: 0, to: blockedCount, by: 8) {
            var block = SIMD8<Double>.zero
            for lane in 0..<8 { block[lane] = values[unchecked: start &+ lane] }
            lows.replace(with: block, where: block .< lows)
            highs.replace(with: block, where: block .> highs)
            nans.replace(with: nans &+ 1, where: block .!= block)
        }
        var (low, high) = (lows.min(), highs.max())
        var nanCount = Int(nans.wrappedSum())
        for index in blockedCount..<values.count {
            let value = values[unchecked: index]
            low = value < low ? value : low
            high = value > high ? value : high
            nanCount &+= value != value ? 1 : 0
        }
        let isEmpty = nanCount == values.count
        self.init(
            minimum: isEmpty ? nil : .double(low == 0 ? -0.0 : low), maximum: isEmpty ? nil : .double(high == 0 ? 0.0 : high),
            nullCount: 0, nanCount: nanCount)
    }

    /// Returns the minimum and the maximum.
    @inline(__always)
    private static func range<Value: FixedWidthInteger>(_ values: Span<Value>) -> ClosedRange<Value>? {
        guard values.count > 0 else { return nil }
        var low = values[0]
        var high = low
        for index in values.indices {
            let value = values[unchecked: index]
            low = value < low ? value : low
            high = value > high ? value : high
        }
        return low...high
    }

    /// Returns the bounds of the same values beside some that are missing.
    func addingNulls(_ count: Int) -> Self {
        Self(minimum: minimum, maximum: maximum, nullCount: nullCount.map { $0 + count }, nanCount: nanCount)
    }

    /// Whether nothing but missing values is known to be in a page.
    public var isOfNulls: Bool { minimum == nil && (nullCount ?? 0) > 0 && (nanCount ?? 0) == 0 }

    /// Returns bounds that hold for two sets of values; both must have bounds.
    func union(_ other: Self) -> Self {
        Self(
            minimum: Self.extreme(minimum, other.minimum) { ParquetValue.precedes($0, $1) },
            maximum: Self.extreme(maximum, other.maximum) { ParquetValue.precedes($1, $0) },
            nullCount: Self.sum(nullCount, other.nullCount), nanCount: Self.sum(nanCount, other.nanCount))
    }

    private static func extreme(
        _ left: ParquetValue?, _ right: ParquetValue?, by precedes: (ParquetValue, ParquetValue) -> Bool
    ) -> ParquetValue? {
        guard let left, let right else { return left ?? right }
        return precedes(right, left) ? right : left
    }

    private static func sum(_ left: Int?, _ right: Int?) -> Int? {
        if let left, let right { left + right } else { nil }
    }
}

// MARK: - Bounds in files

extension ParquetValue {
    /// The PLAIN encoding without the length of byte arrays, as statistics have it.
    var statisticsBytes: [UInt8] {
        var bytes: [UInt8] = []
        switch self {
        case .int32(let value): bytes.append(littleEndian: value)
        case .int64(let value): bytes.append(littleEndian: value)
        case .double(let value): bytes.append(littleEndian: value.bitPattern)
        case .bytes(let value): bytes = value
        }
        return bytes
    }

    /// Reads a bound of a column; nil if the bound has no meaning (NaN, a type without natural order).
    static func bound(_ range: Range<Int>, of column: ParquetColumn, in span: RawSpan) throws(ParquetError) -> Self? {
        guard column.hasNaturalOrder else { return nil }
        var reader = try ByteReader(range, in: span)
        let value: Self
        switch column.physicalType {
        case .int32: value = .int32(try reader.integer(Int32.self, in: span))
        case .int64: value = .int64(try reader.integer(Int64.self, in: span))
        case .double:
            let double = Double(bitPattern: try reader.integer(UInt64.self, in: span))
            guard !double.isNaN else { return nil }
            value = .double(double)
        case .byteArray:
            return .bytes(PlainEncoding.bytes(range, in: span))
        case .boolean, .int96, .float, .fixedLengthByteArray: return nil
        }
        guard reader.remaining == 0 else {
            throw ParquetError(offset: range.lowerBound, kind: .malformed, detail: "a bound has \(range.count) bytes")
        }
        return value
    }
}

extension ParquetBounds {
    func write(to writer: inout CompactThriftWriter, field id: Int16) {
        writer.write(structure: id) { writer in
            if let nullCount { writer.write(i64: nullCount, field: 3) }
            if let maximum { writer.write(binary: maximum.statisticsBytes, field: 5) }
            if let minimum { writer.write(binary: minimum.statisticsBytes, field: 6) }
            if maximum != nil { writer.write(bool: true, field: 7) }
            if minimum != nil { writer.write(bool: true, field: 8) }
            if let nanCount { writer.write(i64: nanCount, field: 9) }
        }
    }

    /// Reads the struct `Statistics`, without its deprecated fields, whose order of values is not defined.
    init(
        from reader: inout CompactThriftReader, of column: ParquetColumn, in span: RawSpan
    ) throws(ParquetError) {
        var minimum: ParquetValue?
        var maximum: ParquetValue?
        var nullCount: Int?
        var nanCount: Int?
        var id: Int16 = 0
        while let field = try reader.field(after: &id, in: span) {
            switch field.id {
            case 3: nullCount = try reader.count(field, in: span)
            case 5: maximum = try .bound(try reader.binary(field, in: span), of: column, in: span)
            case 6: minimum = try .bound(try reader.binary(field, in: span), of: column, in: span)
            case 9: nanCount = try reader.count(field, in: span)
            default: try reader.skip(field, in: span)
            }
        }
        self.init(minimum: minimum, maximum: maximum, nullCount: nullCount, nanCount: nanCount)
    }
}
