package import TripModel

/// How a file is read, and what its job shows of that.
package struct RecognizedCSV: Sendable {
    package var layout: CSVLayout
    /// nil for our own form.
    package var reading: JobReading?
    /// The used columns as the file spells them, and as the option `map` names them.
    var names: [CSVColumn: String] = [:]
    var references: [CSVColumn: String] = [:]

    /// The byte between fields, as the option `delimiter` names it.
    var delimiterName: String {
        layout.delimiter == UInt8(ascii: "\t") ? "tab" : String(decoding: [layout.delimiter], as: UTF8.self)
    }
}

/// What a job shows of how its file is read: options that would read it without being inferred.
extension CSVRecognition {
    /// Returns how the file is read, as far as it was surveyed.
    package func recognized() throws(TripstoreError) -> RecognizedCSV {
        let layout = try layout()
        var recognized = RecognizedCSV(layout: layout)
        for column in CSVColumn.allCases where layout[column] >= 0 {
            recognized.names[column] = sample.name(layout[column])
            recognized.references[column] = sample.reference(layout[column])
        }
        recognized.reading = format.map { reading($0, recognized) }
        return recognized
    }

    private func reading(_ format: TripFormat, _ recognized: RecognizedCSV) -> JobReading {
        let layout = recognized.layout
        var understood = options
        understood.delimiter = recognized.delimiterName
        understood.dateOrder = layout.form?.time.dateOrder
        if format.region == nil { understood.region = layout.region }
        if format.datasource == nil { understood.datasource = layout.datasource }
        var reading = JobReading()
        understood.map = mayBeQuoted ? map(format) : [:]
        reading.format = understood
        if !format.ignored.isEmpty { reading.notes.append(note(ignored: format.ignored)) }
        if let note = note(durations: format, layout) { reading.notes.append(note) }
        if options.places != nil, !format.usesPlaces {
            understood.places = nil
            reading.format = understood
            reading.notes.append(
                JobNote(
                    kind: "ignored_places", trips: nil,
                    text: "The file of places was not needed: the trips have coordinates of their own."))
        }
        return reading
    }

    private func note(durations format: TripFormat, _ layout: CSVLayout) -> JobNote? {
        guard case .one(let column) = format.time, let time = layout.form?.time,
            let durations = TripDurations(sample, startColumn: column, format: time), durations.areOdd
        else { return nil }
        let names =
            mayBeQuoted ? " (\(sample.name(column)), \(sample.name(durations.endColumn)))" : ""
        return JobNote(
            kind: "odd_durations", trips: nil,
            text:
                "\(durations.oddCount.grouped) of the first \(durations.comparedCount.grouped) trips end before they start, or more than "
                + "three days later\(names): one of the two columns may have day and month exchanged. If it is that of start times, "
                + "delete the job, correct the file and load it again.")
    }

    private func note(ignored columns: [Int]) -> JobNote {
        let names = mayBeQuoted ? " (" + columns.map(sample.name).joined(separator: ", ") + ")" : ""
        return JobNote(
            kind: "ignored_columns", trips: nil,
            text: columns.count == 1
                ? "Another column holds places too and was left out\(names)."
                : "\(columns.count) other columns hold places too and were left out\(names).")
    }

    /// The columns in use, by what they hold.
    private func map(_ format: TripFormat) -> [ReadingOptions.Target: String] {
        var columns: [(target: ReadingOptions.Target, column: Int)] = []
        switch format.origin {
        case .pair(let longitude, let latitude): columns += [(.originLongitude, longitude), (.originLatitude, latitude)]
        case .point(let column, _): columns.append((.origin, column))
        case .place(let column, _): columns.append((.originPlace, column))
        }
        switch format.destination {
        case .pair(let longitude, let latitude):
            columns += [(.destinationLongitude, longitude), (.destinationLatitude, latitude)]
        case .point(let column, _): columns.append((.destination, column))
        case .place(let column, _): columns.append((.destinationPlace, column))
        case nil: break
        }
        switch format.time {
        case .one(let column): columns.append((.time, column))
        case .dateAndClock(let date, let clock): columns += [(.date, date), (.timeOfDay, clock)]
        }
        if let region = format.region { columns.append((.region, region)) }
        if let datasource = format.datasource { columns.append((.datasource, datasource)) }
        return Dictionary(columns.map { ($0.target, sample.reference($0.column)) }) { first, _ in first }
    }
}
