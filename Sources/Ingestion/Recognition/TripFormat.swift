/// How the records of a file are read as trips: which columns hold what, and in which form.
///
/// What `FormatRecognizer` understood of a file, or its user said. Indices count from 0.
package struct TripFormat: Hashable, Sendable {
    /// Where one end of a trip is.
    package enum Place: Hashable, Sendable {
        case pair(longitude: Int, latitude: Int)
        case point(Int, PointForm)
        /// The id or name of a place, and the column of keys of the places in which it is looked up.
        case place(Int, key: Int)
    }

    /// Where its start time is.
    package enum Time: Hashable, Sendable {
        case one(Int)
        case dateAndClock(date: Int, clock: Int)
    }

    package var origin: Place
    /// nil: the file says nowhere where trips end, and they are kept.
    package var destination: Place?
    package var time: Time
    /// Whether times without a zone are said to be in UTC.
    package var isInUTC = false
    /// nil: rows take the constant.
    package var region: Int?
    package var datasource: Int?
    /// Columns that hold the same as those used, in another form.
    package var ignored: [Int] = []

    /// Whether an end is a place of the second file.
    var usesPlaces: Bool {
        [origin, destination].contains { place in
            if case .place = place { true } else { false }
        }
    }
}
