internal import CKernels
import TripModel

/// Working memory of the row loop: raw, so that the loop needs no retains and bounds checks, and small, so that it stays in the
/// cache.
struct RowBuffer {
    /// Rows that fit.
    static let capacity = 256
    /// Rows that go through the loop's steps together.
    static let blockRowCount = Int(TRIPSTORE_POINTS_ROW_COUNT_MAX)
    /// Fields whose bounds are recorded: those of `CSVColumn`, in its order.
    static let fieldCount = 5

    let rows: UnsafeMutablePointer<TripRow>
    /// Bounds of the fields of a block's rows.
    let fields: UnsafeMutablePointer<tripstore_field_bounds>
    /// For each row of a block, the count of marks up to its end.
    let markCounts: UnsafeMutablePointer<Int>

    init() {
        rows = .allocate(capacity: Self.capacity)
        fields = .allocate(capacity: Self.blockRowCount * Self.fieldCount)
        markCounts = .allocate(capacity: Self.blockRowCount)
    }

    func deallocate() {
        rows.deallocate()
        fields.deallocate()
        markCounts.deallocate()
    }
}

/// The hot loop of CSV decoding of our own form: marks to rows, as long as rows are usual (`FormRowLoop` has other forms).
///
/// A usual row has the layout's count of fields, valid values, and quotes only around whole fields, without quotes or newlines
/// between them. The loop stops at any other row, and `CSVDecoder` decodes that row by the rules of `RecordScanner`; so nothing
/// here needs to know why a row is invalid.
///
///     marks ─ bounds of the fields ─ points ─────────────────────── time, names ──> rows
///             64 rows                64 rows, four numbers at once   row by row
///
/// Unsafe code: all of it. The caller guarantees that the marks are ascending positions of newlines, commas and quotes in the
/// chunk, that `marks[next - 1]` is the position before the first row (or `UInt32.max`), and that 64 bytes after the last mark
/// may be read.
enum RowLoop {
    enum Stop { case marksUsedUp, bufferFull, unusualRow }

    /// The memory that the loop reads and fills, as plain pointers.
    struct Memory {
        let base: UnsafeRawPointer
        let regions: UnsafeMutablePointer<NameTable>
        let datasources: UnsafeMutablePointer<NameTable>
        let months: UnsafeMutablePointer<TimestampParser.Month>
        let buffer: RowBuffer
        /// Room for the bounds of one row's fields if they aren't the marks themselves: the position before each field's first
        /// byte, and the position after its last.
        let fieldStarts: UnsafeMutablePointer<UInt32>
        let fieldEnds: UnsafeMutablePointer<UInt32>
        /// Whether the kernel reads points, four numbers at once.
        let readsPointsAtOnce: Bool
    }

    /// Decodes rows from `marks[next]` on until one of the reasons to stop.
    ///
    /// - Parameter blockRowCount: rows that go through the steps together at first; doubled each time that all were usual. Rows
    ///   behind an unusual row are examined again, so blocks must be small if such rows follow each other.
    @inline(never)
    static func run(
        _ memory: Memory, _ marks: UnsafePointer<UInt32>, markCount: Int, layout: CSVLayout, next: inout Int,
        rowCount: inout Int, blockRowCount: inout Int
    ) -> Stop {
        while markCount &- next >= layout.fieldCount {
            let room = RowBuffer.capacity &- rowCount
            if room == 0 { return .bufferFull }
            let wantedCount = min(room, blockRowCount)
            let blockCount = findFields(
                memory, marks + next, markCount: markCount &- next, rowCount: wantedCount, layout: layout)
            let doneCount = decode(memory, blockCount, into: memory.buffer.rows + rowCount)
            rowCount &+= doneCount
            if doneCount > 0 { next &+= memory.buffer.markCounts[doneCount &- 1] }
            if doneCount < blockCount { return .unusualRow }
            blockRowCount = min(blockRowCount &* 2, RowBuffer.blockRowCount)
            // A block that is cut short is followed by an unusual row, unless the marks are used up.
            if blockCount < wantedCount, markCount &- next >= layout.fieldCount { return .unusualRow }
        }
        return .marksUsedUp
    }

    /// Records the bounds of the fields of up to `rowCount` rows and their marks; returns the count of usual rows.
    @inline(__always)
    private static func findFields(
        _ memory: Memory, _ firstMark: UnsafePointer<UInt32>, markCount: Int, rowCount: Int, layout: CSVLayout
    ) -> Int {
        let base = memory.base
        let fieldCount = layout.fieldCount
        let lastField = fieldCount &- 1
        let columns = (
            layout[.region], layout[.origin], layout[.destination], layout[.time], layout[.datasource]
        )
        var mark = firstMark
        var remaining = markCount
        var row = 0
        while row < rowCount, remaining >= fieldCount {
            // A field lies between two marks: after `starts[field]` and before `ends[field]`.
            var starts = mark - 1
            var ends = mark
            var usedCount = fieldCount
            let rowEnd = Int(mark[lastField])
            var difference = byte(base, rowEnd) ^ UInt8(ascii: "\n")
            for field in 0..<lastField { difference |= byte(base, Int(mark[field])) ^ UInt8(ascii: ",") }
            // A carriage return belongs to the line end, not to the last field.
            var lastEnd = UInt32(truncatingIfNeeded: rowEnd &- (byte(base, rowEnd &- 1) == UInt8(ascii: "\r") ? 1 : 0))
            if _slowPath(difference != 0) {
                usedCount = findQuotedFields(
                    base, mark, markCount: remaining, fieldCount: fieldCount, delimiter: UInt8(ascii: ","),
                    starts: memory.fieldStarts, ends: memory.fieldEnds)
                starts = UnsafePointer(memory.fieldStarts)
                ends = UnsafePointer(memory.fieldEnds)
                lastEnd = ends[lastField]
            }
            // The limit is on the row's text, which is shorter than this by the line end.
            guard _fastPath(usedCount > 0), _fastPath(Int(mark[usedCount &- 1] &- mark[-1]) <= Limits.recordByteCountMax) else {
                break
            }
            @inline(__always)
            func bounds(_ field: Int) -> tripstore_field_bounds {
                tripstore_field_bounds(start: starts[field] &+ 1, end: field == lastField ? lastEnd : ends[field])
            }
            let fields = memory.buffer.fields + row &* RowBuffer.fieldCount
            fields[CSVColumn.region.rawValue] = bounds(columns.0)
            fields[CSVColumn.origin.rawValue] = bounds(columns.1)
            fields[CSVColumn.destination.rawValue] = bounds(columns.2)
            fields[CSVColumn.time.rawValue] = bounds(columns.3)
            fields[CSVColumn.datasource.rawValue] = bounds(columns.4)
            mark += usedCount
            remaining &-= usedCount
            memory.buffer.markCounts[row] = markCount &- remaining
            row &+= 1
        }
        return row
    }

    /// Decodes the rows of a block; returns the count of rows before the first one with unusual values.
    @inline(__always)
    private static func decode(_ memory: Memory, _ count: Int, into rows: UnsafeMutablePointer<TripRow>) -> Int {
        let base = memory.base
        var pointsAreRead: UInt64 = 0
        if memory.readsPointsAtOnce {
            pointsAreRead = tripstore_points(
                base.assumingMemoryBound(to: UInt8.self), memory.buffer.fields, RowBuffer.fieldCount,
                CSVColumn.origin.rawValue, CSVColumn.destination.rawValue, count, rows, MemoryLayout<TripRow>.stride)
        }
        for index in 0..<count {
            let fields = memory.buffer.fields + index &* RowBuffer.fieldCount
            let row = rows + index
            if _slowPath(pointsAreRead & 1 == 0) {
                let (from, to) = (fields[CSVColumn.origin.rawValue], fields[CSVColumn.destination.rawValue])
                let origin = point(base, Int(from.start), Int(from.end))
                let destination = point(base, Int(to.start), Int(to.end))
                guard origin.isValid, destination.isValid else { return index }
                row.pointee.originLongitude = origin.longitude
                row.pointee.originLatitude = origin.latitude
                row.pointee.destinationLongitude = destination.longitude
                row.pointee.destinationLatitude = destination.latitude
            }
            pointsAreRead &>>= 1
            let timeField = fields[CSVColumn.time.rawValue]
            let time = microseconds(base, Int(timeField.start), Int(timeField.end), memory.months)
            let region = entry(base, fields[CSVColumn.region.rawValue], memory.regions)
            let datasource = entry(base, fields[CSVColumn.datasource.rawValue], memory.datasources)
            guard time != Int64.min, region != NameTable.noEntry, datasource != NameTable.noEntry else { return index }
            row.pointee.time = time
            row.pointee.region = memory.regions.pointee.code(ofEntry: region)
            row.pointee.datasource = memory.datasources.pointee.code(ofEntry: datasource)
        }
        return count
    }

    @inline(__always)
    private static func entry(
        _ base: UnsafeRawPointer, _ field: tripstore_field_bounds, _ table: UnsafeMutablePointer<NameTable>
    ) -> UInt32 {
        table.pointee.entry(base + Int(field.start), length: Int(field.end) &- Int(field.start))
    }

    // MARK: Fields

    /// Finds the fields of a row, some of them quoted, and returns its count of marks; 0 if the row is unusual, or its marks
    /// were not all found yet.
    ///
    /// `starts` and `ends` receive the position before each field's first byte, and the position after its last.
    @inline(never)
    static func findQuotedFields(
        _ base: UnsafeRawPointer, _ mark: UnsafePointer<UInt32>, markCount: Int, fieldCount: Int, delimiter: UInt8,
        starts: UnsafeMutablePointer<UInt32>, ends: UnsafeMutablePointer<UInt32>
    ) -> Int {
        var index = 0
        var before = mark[-1]  // the position before the field
        for field in 0..<fieldCount {
            let isLast = field == fieldCount &- 1
            guard index < markCount else { return 0 }
            var after = mark[index]
            starts[field] = before
            if byte(base, Int(after)) == UInt8(ascii: "\"") {
                guard after == before &+ 1 else { return 0 }
                starts[field] = after
                repeat {
                    index &+= 1
                    guard index &+ 1 < markCount, byte(base, Int(mark[index])) != UInt8(ascii: "\n") else { return 0 }
                } while byte(base, Int(mark[index])) != UInt8(ascii: "\"")
                let quote = mark[index]
                ends[field] = quote
                index &+= 1
                after = mark[index]
                let hasReturn = isLast && byte(base, Int(quote &+ 1)) == UInt8(ascii: "\r")
                guard after == quote &+ (hasReturn ? 2 : 1) else { return 0 }
            } else {
                let hasReturn = isLast && after != before &+ 1 && byte(base, Int(after &- 1)) == UInt8(ascii: "\r")
                ends[field] = after &- (hasReturn ? 1 : 0)
            }
            guard byte(base, Int(after)) == (isLast ? UInt8(ascii: "\n") : delimiter) else { return 0 }
            index &+= 1
            before = after
        }
        return index
    }

    struct PointValue {
        var longitude: Double
        var latitude: Double
        var isValid: Bool
    }

    /// Reads `POINT (x y)` or `POINT(x y)` at `start..<end`; passes other texts to `PointParser`.
    @inline(__always)
    static func point(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> PointValue {
        let keyword = word(base, start)
        let numbers: Int
        if _fastPath(keyword & 0x00ff_ffff_ffff_ffff == 0x0028_2054_4e49_4f50) {
            numbers = start &+ 7  // POINT (
        } else if keyword & 0x0000_ffff_ffff_ffff == 0x0000_2854_4e49_4f50 {
            numbers = start &+ 6  // POINT(
        } else {
            return unusualPoint(base, start, end)
        }
        let longitude = DecimalParser.coordinate(at: numbers, of: base)
        guard _fastPath(longitude.end > 0), _fastPath(byte(base, longitude.end) == UInt8(ascii: " ")) else {
            return unusualPoint(base, start, end)
        }
        let latitude = DecimalParser.coordinate(at: longitude.end &+ 1, of: base)
        guard _fastPath(latitude.end &+ 1 == end), _fastPath(byte(base, latitude.end) == UInt8(ascii: ")")) else {
            return unusualPoint(base, start, end)
        }
        let isValid = abs(longitude.value) <= 180 && abs(latitude.value) <= 90
        return PointValue(longitude: longitude.value, latitude: latitude.value, isValid: isValid)
    }

    @inline(never)
    private static func unusualPoint(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> PointValue {
        guard let point = try? PointParser.point(of: bytes(base, start, end).span) else {
            return PointValue(longitude: 0, latitude: 0, isValid: false)
        }
        return PointValue(longitude: point.longitude, latitude: point.latitude, isValid: true)
    }

    /// Reads `YYYY-MM-DD HH:MM:SS` at `start..<end`; passes other texts to `TimestampParser`.
    ///
    /// Returns `Int64.min` if the text is not a time.
    @inline(__always)
    static func microseconds(
        _ base: UnsafeRawPointer, _ start: Int, _ end: Int, _ months: UnsafeMutablePointer<TimestampParser.Month>
    ) -> Int64 {
        let monthText = word(base, start)
        let known = months + TimestampParser.monthSlot(monthText)
        guard _fastPath(end &- start == 19) else { return unusualTime(base, start, end) }
        if _slowPath(known.pointee.key != monthText) {
            guard let month = TimestampParser.month(monthText) else { return unusualTime(base, start, end) }
            known.pointee = month
        }
        let time = TimestampParser.microseconds(
            month: known.pointee, day: word(base, start &+ 8), clock: word(base, start &+ 11))
        return _fastPath(time != Int64.min) ? time : unusualTime(base, start, end)
    }

    @inline(never)
    private static func unusualTime(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int64 {
        (try? TimestampParser.microseconds(of: bytes(base, start, end).span)) ?? Int64.min
    }

    // MARK: Bytes

    @inline(__always)
    static func byte(_ base: UnsafeRawPointer, _ position: Int) -> UInt8 {
        base.load(fromByteOffset: position, as: UInt8.self)
    }

    @inline(__always)
    static func word(_ base: UnsafeRawPointer, _ position: Int) -> UInt64 {
        UInt64(littleEndian: base.loadUnaligned(fromByteOffset: position, as: UInt64.self))
    }

    static func bytes(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> UnsafeBufferPointer<UInt8> {
        UnsafeRawBufferPointer(start: base + start, count: end - start).assumingMemoryBound(to: UInt8.self)
    }
}
