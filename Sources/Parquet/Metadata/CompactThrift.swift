/// The Thrift compact protocol, as far as Parquet's metadata needs it.
///
/// ```
/// struct    := field* 0x00
/// field     := header value
/// header    := (id - previous id) << 4 | type          if the difference is 1...15
///            | type, zigzag id                         otherwise
/// type      := 1 true | 2 false | 3 i8 | 4 i16 | 5 i32 | 6 i64 | 7 double | 8 binary | 9 list | 10 set | 11 map | 12 struct
/// i16…i64   := zigzag ULEB128          double := 8 bytes, little-endian          binary := ULEB128 length, bytes
/// list, set := count << 4 | type of elements, or 0xf0 | type, ULEB128 count; then the elements (a bool is a byte, 1 or 2)
/// map       := ULEB128 count; if not 0: key type << 4 | value type, then keys and values in turn
/// ```
/// A bool field has its value in its type. Specification:
/// https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
enum ThriftType: UInt8 {
    case boolTrue = 1
    case boolFalse, i8, i16, i32, i64, double, binary, list, set, map, structure
}

/// Reads structs of the compact protocol; unknown fields are skipped by the caller with `skip`.
struct CompactThriftReader {
    struct Field {
        let id: Int16
        let type: ThriftType
    }

    /// Maximum depth of nested structs that are skipped: Parquet's own nest less than ten deep.
    private static let depthMax = 32

    private(set) var bytes: ByteReader

    init(_ bytes: ByteReader) { self.bytes = bytes }

    /// Offset of the next byte.
    var offset: Int { bytes.offset }

    /// Returns the header of the next field, or nil at the end of the struct; `previous` starts at 0 for each struct.
    mutating func field(after previous: inout Int16, in span: RawSpan) throws(ParquetError) -> Field? {
        let header = try bytes.byte(in: span)
        if header == 0 { return nil }
        let type = try type(header & 0x0f)
        if header >> 4 != 0 {
            let (id, overflows) = previous.addingReportingOverflow(Int16(header >> 4))
            guard !overflows else { throw malformed("a field has no valid number") }
            previous = id
        } else {
            guard let id = Int16(exactly: try bytes.zigzag(in: span)) else { throw malformed("a field has no valid number") }
            previous = id
        }
        return Field(id: previous, type: type)
    }

    /// Returns the value of a bool field.
    func bool(_ field: Field) throws(ParquetError) -> Bool {
        switch field.type {
        case .boolTrue: return true
        case .boolFalse: return false
        default: throw unexpected(field)
        }
    }

    /// Returns the value of an i8, i16, i32 or i64 field.
    mutating func integer(_ field: Field, in span: RawSpan) throws(ParquetError) -> Int64 {
        switch field.type {
        case .i8: return Int64(try bytes.integer(Int8.self, in: span))
        case .i16, .i32, .i64: return try bytes.zigzag(in: span)
        default: throw unexpected(field)
        }
    }

    /// Returns the value of an integer field that counts or locates something: never negative.
    mutating func count(_ field: Field, in span: RawSpan) throws(ParquetError) -> Int {
        let value = try integer(field, in: span)
        guard value >= 0 else { throw malformed("field \(field.id) is negative (\(value))") }
        return Int(value)
    }

    /// Returns the range of the bytes of a binary field.
    mutating func binary(_ field: Field, in span: RawSpan) throws(ParquetError) -> Range<Int> {
        guard field.type == .binary else { throw unexpected(field) }
        return try binaryElement(in: span)
    }

    /// Returns the string of a binary field.
    mutating func string(_ field: Field, in span: RawSpan) throws(ParquetError) -> String {
        guard field.type == .binary else { throw unexpected(field) }
        return try stringElement(in: span)
    }

    /// Checks that a field is a struct, whose fields follow.
    func structure(_ field: Field) throws(ParquetError) {
        guard field.type == .structure else { throw unexpected(field) }
    }

    /// Returns the element count of a list field, which never exceeds the bytes left.
    mutating func list(_ field: Field, of element: ThriftType, in span: RawSpan) throws(ParquetError) -> Int {
        guard field.type == .list else { throw unexpected(field) }
        let (count, type) = try listHeader(in: span)
        let isBool = element == .boolTrue && type == .boolFalse
        guard type == element || isBool || count == 0 else { throw unexpected(field) }
        return count
    }

    // MARK: - Elements of lists

    mutating func integerElement(in span: RawSpan) throws(ParquetError) -> Int64 { try bytes.zigzag(in: span) }

    mutating func boolElement(in span: RawSpan) throws(ParquetError) -> Bool { try bytes.byte(in: span) == 1 }

    mutating func binaryElement(in span: RawSpan) throws(ParquetError) -> Range<Int> {
        guard let count = Int(exactly: try bytes.varint(in: span)) else { throw malformed("a length is out of range") }
        return try bytes.skip(count)
    }

    mutating func stringElement(in span: RawSpan) throws(ParquetError) -> String {
        let range = try binaryElement(in: span)
        return try PlainEncoding.string(range, in: span, offset: range.lowerBound)
    }

    // MARK: - Unknown fields

    /// Moves past the value of a field.
    mutating func skip(_ field: Field, in span: RawSpan) throws(ParquetError) {
        if field.type == .boolTrue || field.type == .boolFalse { return }
        try skip(field.type, depth: 0, in: span)
    }

    private mutating func skip(_ type: ThriftType, depth: Int, in span: RawSpan) throws(ParquetError) {
        guard depth < Self.depthMax else {
            throw ParquetError(offset: offset, kind: .limitExceeded, detail: "metadata nests deeper than \(Self.depthMax)")
        }
        switch type {
        case .boolTrue, .boolFalse, .i8: _ = try bytes.skip(1)
        case .i16, .i32, .i64: _ = try bytes.varint(in: span)
        case .double: _ = try bytes.skip(8)
        case .binary: _ = try binaryElement(in: span)
        case .list, .set:
            let (count, element) = try listHeader(in: span)
            for _ in 0..<count { try skip(element, depth: depth + 1, in: span) }
        case .map: try skipMap(depth: depth, in: span)
        case .structure:
            var id: Int16 = 0
            while let field = try field(after: &id, in: span) {
                if field.type != .boolTrue && field.type != .boolFalse { try skip(field.type, depth: depth + 1, in: span) }
            }
        }
    }

    private mutating func skipMap(depth: Int, in span: RawSpan) throws(ParquetError) {
        let count = try elementCount(try bytes.varint(in: span))
        guard count > 0 else { return }
        let types = try bytes.byte(in: span)
        let key = try type(types >> 4)
        let value = try type(types & 0x0f)
        for _ in 0..<count {
            try skip(key, depth: depth + 1, in: span)
            try skip(value, depth: depth + 1, in: span)
        }
    }

    // MARK: - Parts

    private mutating func listHeader(in span: RawSpan) throws(ParquetError) -> (count: Int, element: ThriftType) {
        let header = try bytes.byte(in: span)
        let count = header >> 4 == 15 ? try bytes.varint(in: span) : UInt64(header >> 4)
        // Some writers leave the type of an empty list at 0.
        if count == 0 { return (0, .boolTrue) }
        return (try elementCount(count), try type(header & 0x0f))
    }

    /// An element takes at least one byte, so a larger count is false and would cost time or memory.
    private func elementCount(_ count: UInt64) throws(ParquetError) -> Int {
        guard count <= UInt64(bytes.remaining) else {
            throw ParquetError(
                offset: offset, kind: .truncated,
                detail: "\(count) elements are announced where \(bytes.remaining) bytes are left")
        }
        return Int(count)
    }

    private func type(_ code: UInt8) throws(ParquetError) -> ThriftType {
        guard let type = ThriftType(rawValue: code) else { throw malformed("\(code) is not a Thrift type") }
        return type
    }

    private func unexpected(_ field: Field) -> ParquetError {
        malformed("field \(field.id) has the wrong type (\(field.type))")
    }

    private func malformed(_ detail: String) -> ParquetError {
        ParquetError(offset: offset, kind: .malformed, detail: detail)
    }
}

/// Writes structs of the compact protocol.
struct CompactThriftWriter {
    private(set) var bytes: [UInt8] = []
    /// The ID of the last field in each open struct.
    private var lastIDs: [Int16] = [0]

    mutating func write(bool value: Bool, field id: Int16) { header(value ? .boolTrue : .boolFalse, id) }

    mutating func write(i16 value: Int16, field id: Int16) {
        header(.i16, id)
        bytes.append(zigzag: Int64(value))
    }

    mutating func write(i32 value: Int32, field id: Int16) {
        header(.i32, id)
        bytes.append(zigzag: Int64(value))
    }

    mutating func write(i64 value: Int, field id: Int16) {
        header(.i64, id)
        bytes.append(zigzag: Int64(value))
    }

    mutating func write(binary value: some Collection<UInt8>, field id: Int16) {
        header(.binary, id)
        append(binary: value)
    }

    mutating func write(string value: String, field id: Int16) { write(binary: value.utf8, field: id) }

    /// Writes a struct field: its own fields are those that `body` writes.
    mutating func write(structure id: Int16, _ body: (inout Self) -> Void) {
        header(.structure, id)
        append(structure: body)
    }

    /// Writes the header of a list field; `count` elements follow.
    mutating func write(listOf element: ThriftType, count: Int, field id: Int16) {
        header(.list, id)
        if count < 15 {
            bytes.append(UInt8(count) << 4 | element.rawValue)
        } else {
            bytes.append(0xf0 | element.rawValue)
            bytes.append(varint: UInt64(count))
        }
    }

    // MARK: - Elements of lists, and the struct at the top

    mutating func append(structure body: (inout Self) -> Void) {
        lastIDs.append(0)
        body(&self)
        lastIDs.removeLast()
        bytes.append(0)
    }

    mutating func append(binary value: some Collection<UInt8>) {
        bytes.append(varint: UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    mutating func append(integer value: Int) { bytes.append(zigzag: Int64(value)) }

    mutating func append(bool value: Bool) { bytes.append(value ? 1 : 2) }

    private mutating func header(_ type: ThriftType, _ id: Int16) {
        let difference = id - lastIDs[lastIDs.count - 1]
        if (1...15).contains(difference) {
            bytes.append(UInt8(difference) << 4 | type.rawValue)
        } else {
            bytes.append(type.rawValue)
            bytes.append(zigzag: Int64(id))
        }
        lastIDs[lastIDs.count - 1] = id
    }
}
