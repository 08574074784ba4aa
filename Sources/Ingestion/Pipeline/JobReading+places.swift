import TripModel

extension JobReading {
    /// Returns the same with a note about rejected rows whose places are unknown, if there are any.
    ///
    /// - Parameter quotesFile: whether its user may know what the file contains.
    func noting(_ unknown: UnknownPlaces, quotesFile: Bool) -> JobReading {
        if unknown.isEmpty { return self }
        var reading = self
        reading.notes.append(
            JobNote(
                kind: "unknown_places", trips: nil,
                text: "Rows name places that the file of places does not have\(quotesFile ? ": \(unknown.list)" : "")."))
        return reading
    }
}

extension RecognizedCSV {
    /// Returns the same with that note.
    func noting(_ unknown: UnknownPlaces, quotesFile: Bool) -> RecognizedCSV {
        var file = self
        file.reading = reading?.noting(unknown, quotesFile: quotesFile)
        return file
    }
}
