import TripModel

/// Rows of a publisher's form by the full rules.
extension ChunkRun {
    /// Decodes a record into the row buffer.
    mutating func decode(_ scan: RecordScan, as form: RowForm) throws(RejectReason) {
        func field(_ column: CSVColumn) -> FieldBounds { scan.fields[column.rawValue] }
        let region: UInt32
        do throws(NameProblem) {
            region = try entry(field(.region), layout[.region], constantRegion, in: scratch.regions)
        } catch { throw RejectReason(region: error) }
        let origin: PointParser.Point
        do throws(PointProblem) {
            origin = try point(form.origin, field(.origin), field(.originLatitude), form)
        } catch {
            throw error == .empty && hasHalf(form.origin, field(.origin), field(.originLatitude))
                ? .originHalf : RejectReason(origin: error)
        }
        let destination: PointParser.Point
        do throws(PointProblem) {
            destination = try point(form.destination, field(.destination), field(.destinationLatitude), form)
        } catch {
            guard error == .empty || error == .emptyPoint else { throw RejectReason(destination: error) }
            if hasHalf(form.destination, field(.destination), field(.destinationLatitude)) { throw .destinationHalf }
            guard form.missingDestination == .keep else { throw .destinationMissing }
            destination = .missing
        }
        if form.nullIsland == .reject, origin.isNullIsland || destination.isNullIsland { throw .nullIsland }
        let time: Int64
        do throws(TimestampProblem) {
            time = try self.time(field(.time), field(.timeOfDay), form)
        } catch { throw RejectReason(time: error) }
        let datasource: UInt32
        do throws(NameProblem) {
            datasource = try entry(field(.datasource), layout[.datasource], constantDatasource, in: scratch.datasources)
        } catch { throw RejectReason(datasource: error) }
        scratch.buffer.rows[bufferedCount] = TripRow(
            originLongitude: origin.longitude, originLatitude: origin.latitude, destinationLongitude: destination.longitude,
            destinationLatitude: destination.latitude, time: time, region: scratch.regions.pointee.code(ofEntry: region),
            datasource: scratch.datasources.pointee.code(ofEntry: datasource))
        bufferedCount += 1
    }

    /// Returns the entry of a name, or that of the constant if there is none.
    private func entry(
        _ field: FieldBounds, _ index: Int, _ constant: UInt32, in table: UnsafeMutablePointer<NameTable>
    ) throws(NameProblem) -> UInt32 {
        if index < 0 { return constant }
        let keepsNames = layout.form?.keepsNames ?? false
        let isNone = text(field) { keepsNames ? $0.isEmpty : EmptyText.isNone($0) }
        if isNone {
            if constant == NameTable.noEntry { throw .empty }
            return constant
        }
        if let problem = text(field, { NameTable.problem(of: $0) }) { throw problem }
        return entry(field, in: table)
    }

    /// Whether an end has one coordinate of two.
    private func hasHalf(_ end: RowForm.End, _ longitude: FieldBounds, _ latitude: FieldBounds) -> Bool {
        end == .pair && text(longitude) { EmptyText.isNone($0) } != text(latitude) { EmptyText.isNone($0) }
    }

    private mutating func point(
        _ end: RowForm.End, _ first: FieldBounds, _ second: FieldBounds, _ form: RowForm
    ) throws(PointProblem) -> PointParser.Point {
        switch end {
        case .none: return .missing
        case .pair:
            let longitude = try coordinate(first, form)
            return try PointText.checked(longitude, coordinate(second, form))
        case .place(let column): return try place(first, column, form)
        case .point(let pointForm):
            return try text(first) { text throws(PointProblem) in
                if EmptyText.isNone(text) { throw .empty }
                return try PointText.point(of: text, pointForm)
            }
        }
    }

    /// Returns the point of a place; notes an id or name that is unknown.
    private mutating func place(_ field: FieldBounds, _ column: Int, _ form: RowForm) throws(PointProblem) -> PointParser.Point
    {
        guard let places = form.places else { preconditionFailure("a form with places has their table") }
        let found = try text(field) { text throws(PointProblem) in
            if EmptyText.isNone(text) { throw .empty }
            return try places.point(of: text, column: column)
        }
        if let found { return found }
        let name = text(field) { text in text.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) } }
        chunk.unknownPlaces.add(name.trimmingBlanks())
        throw .unknownPlace
    }

    private func coordinate(_ field: FieldBounds, _ form: RowForm) throws(PointProblem) -> Double {
        try text(field) { text throws(PointProblem) in
            if let value = PointText.coordinate(of: text, hasDecimalComma: form.hasDecimalComma) { return value }
            throw EmptyText.isNone(text) ? .empty : .notNumber
        }
    }

    private func time(
        _ field: FieldBounds, _ timeOfDay: FieldBounds, _ form: RowForm
    ) throws(TimestampProblem) -> Int64 {
        let date = try timeText(field)
        if layout[.timeOfDay] < 0 { return try form.time.microseconds(of: date) }
        return try form.time.microseconds(date: date, clock: timeText(timeOfDay))
    }

    private func timeText(_ field: FieldBounds) throws(TimestampProblem) -> TimeText {
        try text(field) { text throws(TimestampProblem) in
            if EmptyText.isNone(text) { throw .empty }
            return try TimeText(text)
        }
    }
}
