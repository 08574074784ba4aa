import TripModel

/// The hot loop of CSV decoding of publishers' forms: marks to rows, as long as rows are usual.
///
/// Like `RowLoop`, which has our own form, it stops at every row that is not as usual, and `ChunkRun` decodes that row by the full
/// rules; whatever it decodes, those rules would decode to the same. Rows go through it one by one: such files have more columns
/// that are not needed, so what counts is to find the fields.
///
///     marks ─ bounds of the fields ─ two to four numbers ─ time ─ names ──> row
///
/// Unsafe code: all of it, on the conditions of `RowLoop`.
enum FormRowLoop {
    /// The memory that the loop reads and fills, and the entries of names for rows without one.
    struct Memory {
        let rows: RowLoop.Memory
        let constantRegion: UInt32
        let constantDatasource: UInt32
        /// Where the ends of trips are looked up that are places.
        let originPlaces: PlaceIndex?
        let destinationPlaces: PlaceIndex?

        init(_ rows: RowLoop.Memory, _ form: RowForm, region: UInt32, datasource: UInt32) {
            originPlaces = Self.places(form.origin, form)
            destinationPlaces = Self.places(form.destination, form)
            self.rows = rows
            constantRegion = region
            constantDatasource = datasource
        }

        private static func places(_ end: RowForm.End, _ form: RowForm) -> PlaceIndex? {
            guard case .place(let column) = end else { return nil }
            return form.places?.indices[column]
        }
    }

    /// Bounds of a record's fields: each lies after `starts[field]` and before `ends[field]`, the last before `lastEnd`.
    private struct Record {
        let starts: UnsafePointer<UInt32>
        let ends: UnsafePointer<UInt32>
        let lastField: Int
        let lastEnd: UInt32

        @inline(__always)
        func bounds(_ field: Int) -> (start: Int, end: Int) {
            (Int(starts[field] &+ 1), Int(field == lastField ? lastEnd : ends[field]))
        }
    }

    /// Decodes rows from `marks[next]` on until one of the reasons to stop.
    @inline(never)
    static func run(
        _ memory: Memory, _ marks: UnsafePointer<UInt32>, markCount: Int, layout: CSVLayout, form: RowForm, next: inout Int,
        rowCount: inout Int
    ) -> RowLoop.Stop {
        let base = memory.rows.base
        let lastField = layout.fieldCount &- 1
        let delimiter = layout.delimiter
        while markCount &- next > lastField {
            if rowCount == RowBuffer.capacity { return .bufferFull }
            let mark = marks + next
            var usedCount = layout.fieldCount
            let rowEnd = Int(mark[lastField])
            var difference = RowLoop.byte(base, rowEnd) ^ UInt8(ascii: "\n")
            for field in 0..<lastField { difference |= RowLoop.byte(base, Int(mark[field])) ^ delimiter }
            var record = Record(
                starts: mark - 1, ends: mark, lastField: lastField,
                lastEnd: UInt32(
                    truncatingIfNeeded: rowEnd &- (RowLoop.byte(base, rowEnd &- 1) == UInt8(ascii: "\r") ? 1 : 0)))
            if _slowPath(difference != 0) {
                usedCount = RowLoop.findQuotedFields(
                    base, mark, markCount: markCount &- next, fieldCount: layout.fieldCount, delimiter: delimiter,
                    starts: memory.rows.fieldStarts, ends: memory.rows.fieldEnds)
                if usedCount == 0 { return .unusualRow }
                let ends = UnsafePointer(memory.rows.fieldEnds)
                record = Record(
                    starts: UnsafePointer(memory.rows.fieldStarts), ends: ends, lastField: lastField, lastEnd: ends[lastField])
            }
            guard Int(mark[usedCount &- 1] &- mark[-1]) <= Limits.recordByteCountMax,
                decode(record, memory, layout, form, memory.rows.buffer.rows + rowCount)
            else { return .unusualRow }
            next &+= usedCount
            rowCount &+= 1
        }
        return .marksUsedUp
    }

    /// Decodes a record; returns false if its values are not as usual.
    @inline(__always)
    private static func decode(
        _ record: Record, _ memory: Memory, _ layout: borrowing CSVLayout, _ form: borrowing RowForm,
        _ row: UnsafeMutablePointer<TripRow>
    ) -> Bool {
        let base = memory.rows.base
        for field in layout.nameCount..<layout.fieldCount {
            let surplus = record.bounds(field)
            if surplus.end != surplus.start { return false }
        }
        let origin = point(
            base, form.origin, record, layout[.origin], layout[.originLatitude], form, memory.originPlaces)
        var destination = point(
            base, form.destination, record, layout[.destination], layout[.destinationLatitude], form,
            memory.destinationPlaces)
        if _slowPath(!destination.isValid), form.missingDestination == .keep,
            isNone(base, record, layout[.destination]),
            form.destination != .pair || isNone(base, record, layout[.destinationLatitude])
        {
            destination = .missing
        }
        let time = time(record, memory.rows, layout, form)
        let region = entry(
            record, base, layout[.region], memory.constantRegion, memory.rows.regions, keepsNames: form.keepsNames)
        let datasource = entry(
            record, base, layout[.datasource], memory.constantDatasource, memory.rows.datasources, keepsNames: form.keepsNames)
        guard origin.isValid, destination.isValid, time != Int64.min, region != NameTable.noEntry,
            datasource != NameTable.noEntry
        else { return false }
        if form.nullIsland == .reject, origin.isNullIsland || destination.isNullIsland { return false }
        row.initialize(
            to: TripRow(
                originLongitude: origin.longitude, originLatitude: origin.latitude, destinationLongitude: destination.longitude,
                destinationLatitude: destination.latitude, time: time,
                region: memory.rows.regions.pointee.code(ofEntry: region),
                datasource: memory.rows.datasources.pointee.code(ofEntry: datasource)))
        return true
    }

    // MARK: Names

    @inline(__always)
    private static func entry(
        _ record: Record, _ base: UnsafeRawPointer, _ field: Int, _ constant: UInt32, _ table: UnsafeMutablePointer<NameTable>,
        keepsNames: Bool
    ) -> UInt32 {
        if field < 0 { return constant }
        let (start, end) = record.bounds(field)
        if keepsNames { return start == end ? constant : table.pointee.entry(base + start, length: end &- start) }
        if EmptyText.mayBeNone(base, start, end), EmptyText.isNone(RowLoop.bytes(base, start, end).span) { return constant }
        return table.pointee.entry(base + start, length: end &- start)
    }

    // MARK: Points

    @inline(__always)
    private static func point(
        _ base: UnsafeRawPointer, _ end: RowForm.End, _ record: Record, _ field: Int, _ latitudeField: Int,
        _ form: borrowing RowForm, _ places: PlaceIndex?
    ) -> RowLoop.PointValue {
        if case .none = end { return .missing }
        let (start, stop) = record.bounds(field)
        switch end {
        case .none: return .missing
        case .pair:
            let (latitudeStart, latitudeStop) = record.bounds(latitudeField)
            let longitude = coordinate(base, start, stop, form)
            let latitude = coordinate(base, latitudeStart, latitudeStop, form)
            // Comparisons with NaN are false.
            let isValid = abs(longitude) <= 180 && abs(latitude) <= 90
            return RowLoop.PointValue(longitude: longitude, latitude: latitude, isValid: isValid)
        case .place:
            guard let places,
                let found = places.find(base + start, length: stop &- start)
                    ?? places.findFloat(base + start, length: stop &- start),
                !found.longitude.isNaN
            else {
                return RowLoop.PointValue(longitude: 0, latitude: 0, isValid: false)
            }
            return RowLoop.PointValue(longitude: found.longitude, latitude: found.latitude, isValid: true)
        case .point(.wkt): return RowLoop.point(base, start, stop)
        case .point(let pointForm): return otherPoint(base, start, stop, pointForm)
        }
    }

    @inline(never)
    private static func isNone(_ base: UnsafeRawPointer, _ record: Record, _ field: Int) -> Bool {
        let (start, end) = record.bounds(field)
        return EmptyText.mayBeNone(base, start, end) && EmptyText.isNone(RowLoop.bytes(base, start, end).span)
    }

    /// Returns degrees, or NaN if the text is no number.
    @inline(__always)
    private static func coordinate(_ base: UnsafeRawPointer, _ start: Int, _ end: Int, _ form: borrowing RowForm) -> Double {
        let quick = DecimalParser.coordinate(at: start, of: base)
        return _fastPath(quick.end == end) ? quick.value : unusualCoordinate(base, start, end, form.hasDecimalComma)
    }

    @inline(never)
    private static func unusualCoordinate(
        _ base: UnsafeRawPointer, _ start: Int, _ end: Int, _ hasDecimalComma: Bool
    ) -> Double {
        PointText.coordinate(of: RowLoop.bytes(base, start, end).span, hasDecimalComma: hasDecimalComma) ?? .nan
    }

    @inline(never)
    private static func otherPoint(
        _ base: UnsafeRawPointer, _ start: Int, _ end: Int, _ form: PointForm
    ) -> RowLoop.PointValue {
        guard let point = try? PointText.point(of: RowLoop.bytes(base, start, end).span, form) else {
            return RowLoop.PointValue(longitude: 0, latitude: 0, isValid: false)
        }
        return RowLoop.PointValue(longitude: point.longitude, latitude: point.latitude, isValid: true)
    }

    // MARK: Times

    @inline(__always)
    private static func time(
        _ record: Record, _ memory: RowLoop.Memory, _ layout: borrowing CSVLayout, _ form: borrowing RowForm
    ) -> Int64 {
        let (start, end) = record.bounds(layout[.time])
        if layout[.timeOfDay] >= 0 {
            let (clockStart, clockEnd) = record.bounds(layout[.timeOfDay])
            return timeInTwo(
                RowLoop.bytes(memory.base, start, end).span, RowLoop.bytes(memory.base, clockStart, clockEnd).span, form.time)
        }
        let quick = form.time.isInUTC ? Int64.min : quickTime(memory.base, start, end, memory.months)
        return _fastPath(quick != Int64.min) ? quick : otherTime(RowLoop.bytes(memory.base, start, end).span, form.time)
    }

    /// Reads `YYYY-MM-DD HH:MM:SS`, with up to six digits after it; `Int64.min` if the text is another.
    @inline(__always)
    static func quickTime(
        _ base: UnsafeRawPointer, _ start: Int, _ end: Int, _ months: UnsafeMutablePointer<TimestampParser.Month>
    ) -> Int64 {
        guard _fastPath(end &- start >= 19), end &- start <= 26 else { return Int64.min }
        let monthText = RowLoop.word(base, start)
        let known = months + TimestampParser.monthSlot(monthText)
        if _slowPath(known.pointee.key != monthText) {
            guard let month = TimestampParser.month(monthText) else { return Int64.min }
            known.pointee = month
        }
        let time = TimestampParser.microseconds(
            month: known.pointee, day: RowLoop.word(base, start &+ 8), clock: RowLoop.word(base, start &+ 11))
        if end &- start == 19 || time == Int64.min { return time }
        guard RowLoop.byte(base, start &+ 19) == UInt8(ascii: "."), end &- start > 20 else { return Int64.min }
        var fraction = 0
        for position in start &+ 20..<start &+ 26 {
            let digit = position < end ? RowLoop.byte(base, position) &- UInt8(ascii: "0") : 0
            if digit > 9 { return Int64.min }
            fraction = fraction &* 10 &+ Int(digit)
        }
        return time &+ Int64(fraction)
    }

    @inline(never)
    private static func otherTime(_ text: Span<UInt8>, _ format: borrowing TimeFormat) -> Int64 {
        guard let parts = try? TimeText(text), let time = try? format.microseconds(of: parts) else { return Int64.min }
        return time
    }

    @inline(never)
    private static func timeInTwo(_ date: Span<UInt8>, _ clock: Span<UInt8>, _ format: borrowing TimeFormat) -> Int64 {
        guard let date = try? TimeText(date), let clock = try? TimeText(clock),
            let time = try? format.microseconds(date: date, clock: clock)
        else { return Int64.min }
        return time
    }
}

extension RowLoop.PointValue {
    /// In place of a destination that a trip does not have.
    static let missing = RowLoop.PointValue(longitude: .nan, latitude: .nan, isValid: true)

    var isNullIsland: Bool { longitude == 0 && latitude == 0 }
}

extension PointParser.Point {
    /// In place of a destination that a trip does not have.
    static let missing = PointParser.Point(longitude: .nan, latitude: .nan)

    /// Whether it is where the equator meets the prime meridian, in the sea: what programs write for "unknown".
    var isNullIsland: Bool { longitude == 0 && latitude == 0 }
}
