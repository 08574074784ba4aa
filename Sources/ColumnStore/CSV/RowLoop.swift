/// Room for the values of some rows, column by column, as raw memory that stays in the cache.
struct RowBuffer {
    /// Rows that fit.
    static let capacity = 1024

    let region: UnsafeMutablePointer<UInt32>
    let datasource: UnsafeMutablePointer<UInt32>
    let originLongitude: UnsafeMutablePointer<Double>
    let originLatitude: UnsafeMutablePointer<Double>
    let destinationLongitude: UnsafeMutablePointer<Double>
    let destinationLatitude: UnsafeMutablePointer<Double>
    let time: UnsafeMutablePointer<Int64>

    init() {
        region = .allocate(capacity: Self.capacity)
        datasource = .allocate(capacity: Self.capacity)
        originLongitude = .allocate(capacity: Self.capacity)
        originLatitude = .allocate(capacity: Self.capacity)
        destinationLongitude = .allocate(capacity: Self.capacity)
        destinationLatitude = .allocate(capacity: Self.capacity)
        time = .allocate(capacity: Self.capacity)
    }

    func deallocate() {
        region.deallocate()
        datasource.deallocate()
        originLongitude.deallocate()
        originLatitude.deallocate()
        destinationLongitude.deallocate()
        destinationLatitude.deallocate()
        time.deallocate()
    }
}

/// The hot loop of CSV decoding: marks to rows, as long as rows are as usual.
///
/// A usual row has the header's number of fields, values that are right, and quotes only around whole fields, without quotes
/// or newlines between them. At any other the loop stops, and `CSVDecoder` decodes that row by the rules of `RecordScanner`; so
/// nothing here needs to know why a row is wrong.
///
/// Unsafe code: all of it. The caller vouches that the marks are ascending positions of newlines, commas and quotes in the
/// chunk, that `marks[next - 1]` is the position before the first row (or `UInt32.max`), and that 64 bytes after the last
/// mark may be read.
enum RowLoop {
    enum Stop { case marksUsedUp, bufferFull, unusualRow }

    /// What the loop reads and fills, as plain pointers.
    struct Memory {
        let base: UnsafeRawPointer
        let regions: UnsafeMutablePointer<NameTable>
        let datasources: UnsafeMutablePointer<NameTable>
        let months: UnsafeMutablePointer<TimestampParser.Month>
        let rows: RowBuffer
        /// Room for the bounds of one row's fields where they aren't the marks themselves: the position before each field's
        /// first byte, and the position after its last.
        let fieldStarts: UnsafeMutablePointer<UInt32>
        let fieldEnds: UnsafeMutablePointer<UInt32>
    }

    /// Decodes rows from `marks[next]` on until one of the reasons to stop.
    @inline(never)
    static func run(
        _ memory: Memory, _ marks: UnsafePointer<UInt32>, markCount: Int, header: CSVHeader, next: inout Int,
        rowCount: inout Int
    ) -> Stop {
        let base = memory.base
        let rows = memory.rows
        let fieldCount = header.fieldCount
        let lastField = fieldCount &- 1
        let regionField = header[.region]
        let originField = header[.origin]
        let destinationField = header[.destination]
        let timeField = header[.time]
        let datasourceField = header[.datasource]
        var mark = marks + next
        var row = rowCount
        var remaining = markCount &- next
        var stop = Stop.marksUsedUp

        while remaining >= fieldCount {
            if row == RowBuffer.capacity {
                stop = .bufferFull
                break
            }
            // A field lies between two marks: after `starts[field]` and before `ends[field]`.
            var starts = mark - 1
            var ends = mark
            var usedCount = fieldCount
            let rowEnd = Int(mark[lastField])
            var difference = byte(base, rowEnd) ^ UInt8(ascii: "\n")
            for field in 0..<lastField { difference |= byte(base, Int(mark[field])) ^ UInt8(ascii: ",") }
            // A carriage return belongs to the line end, not to the last field.
            var lastEnd = rowEnd &- (byte(base, rowEnd &- 1) == UInt8(ascii: "\r") ? 1 : 0)
            if _slowPath(difference != 0) {
                usedCount = findQuotedFields(memory, mark, markCount: remaining, fieldCount: fieldCount)
                starts = UnsafePointer(memory.fieldStarts)
                ends = UnsafePointer(memory.fieldEnds)
                lastEnd = Int(ends[lastField])
            }
            // The limit is on the row's text, which is shorter than this by the line end.
            guard _fastPath(usedCount > 0), _fastPath(Int(mark[usedCount &- 1] &- mark[-1]) <= Limits.recordByteCountMax) else {
                stop = .unusualRow
                break
            }
            @inline(__always)
            func start(_ field: Int) -> Int { Int(starts[field] &+ 1) }
            @inline(__always)
            func end(_ field: Int) -> Int { field == lastField ? lastEnd : Int(ends[field]) }

            let origin = point(base, start(originField), end(originField))
            let destination = point(base, start(destinationField), end(destinationField))
            let time = microseconds(base, start(timeField), end(timeField), memory.months)
            let regionStart = start(regionField)
            let region = memory.regions.pointee.entry(base + regionStart, length: end(regionField) &- regionStart)
            let datasourceStart = start(datasourceField)
            let datasource = memory.datasources.pointee.entry(
                base + datasourceStart, length: end(datasourceField) &- datasourceStart)
            guard origin.isValid, destination.isValid, time != Int64.min, region != NameTable.noEntry,
                datasource != NameTable.noEntry
            else {
                stop = .unusualRow
                break
            }
            rows.originLongitude[row] = origin.longitude
            rows.originLatitude[row] = origin.latitude
            rows.destinationLongitude[row] = destination.longitude
            rows.destinationLatitude[row] = destination.latitude
            rows.time[row] = time
            rows.region[row] = memory.regions.pointee.code(ofEntry: region)
            rows.datasource[row] = memory.datasources.pointee.code(ofEntry: datasource)
            row &+= 1
            mark += usedCount
            remaining &-= usedCount
        }
        next = markCount &- remaining
        rowCount = row
        return stop
    }

    // MARK: Fields

    /// Finds the fields of a row of which some are in quotes, and returns the number of marks it takes; 0 where the row is
    /// not usual, or its marks were not all found yet.
    @inline(never)
    private static func findQuotedFields(
        _ memory: Memory, _ mark: UnsafePointer<UInt32>, markCount: Int, fieldCount: Int
    ) -> Int {
        let base = memory.base
        var index = 0
        var before = mark[-1]  // the position before the field
        for field in 0..<fieldCount {
            let isLast = field == fieldCount &- 1
            guard index < markCount else { return 0 }
            var after = mark[index]
            memory.fieldStarts[field] = before
            if byte(base, Int(after)) == UInt8(ascii: "\"") {
                guard after == before &+ 1 else { return 0 }
                memory.fieldStarts[field] = after
                repeat {
                    index &+= 1
                    guard index &+ 1 < markCount, byte(base, Int(mark[index])) != UInt8(ascii: "\n") else { return 0 }
                } while byte(base, Int(mark[index])) != UInt8(ascii: "\"")
                let quote = mark[index]
                memory.fieldEnds[field] = quote
                index &+= 1
                after = mark[index]
                let hasReturn = isLast && byte(base, Int(quote &+ 1)) == UInt8(ascii: "\r")
                guard after == quote &+ (hasReturn ? 2 : 1) else { return 0 }
            } else {
                let hasReturn = isLast && after != before &+ 1 && byte(base, Int(after &- 1)) == UInt8(ascii: "\r")
                memory.fieldEnds[field] = after &- (hasReturn ? 1 : 0)
            }
            guard byte(base, Int(after)) == (isLast ? UInt8(ascii: "\n") : UInt8(ascii: ",")) else { return 0 }
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

    /// Reads `POINT (x y)` or `POINT(x y)` at `start..<end`; other texts go to `PointParser`.
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

    /// Reads `YYYY-MM-DD HH:MM:SS` at `start..<end`, and gives other texts to `TimestampParser`.
    ///
    /// `Int64.min` where it is no time.
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
    private static func byte(_ base: UnsafeRawPointer, _ position: Int) -> UInt8 {
        base.load(fromByteOffset: position, as: UInt8.self)
    }

    @inline(__always)
    private static func word(_ base: UnsafeRawPointer, _ position: Int) -> UInt64 {
        UInt64(littleEndian: base.loadUnaligned(fromByteOffset: position, as: UInt64.self))
    }

    private static func bytes(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> UnsafeBufferPointer<UInt8> {
        UnsafeRawBufferPointer(start: base + start, count: end - start).assumingMemoryBound(to: UInt8.self)
    }
}
