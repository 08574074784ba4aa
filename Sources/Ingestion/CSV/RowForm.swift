package import TripModel

/// How the values of a publisher's records are read.
package struct RowForm: Hashable, Sendable {
    /// How an end of a trip is written.
    package enum End: Hashable, Sendable {
        /// Longitude and latitude in degrees, a column each.
        case pair
        /// Both in one column.
        case point(PointForm)
        /// Nowhere: no trip of the file has this end.
        case none
        /// The id or name of a place, by the index of a column of keys in `places`.
        case place(Int)
    }

    package var origin = End.pair
    package var destination = End.pair
    /// Of one column, or of a date and a time of day.
    package var time = TimeFormat()
    /// Whether names are kept as they are written, as in our own form, where `NA` is a name like any other.
    package var keepsNames = false
    /// Whether numbers have a comma before their decimals.
    package var hasDecimalComma = false
    /// What happens to trips without a destination.
    package var missingDestination = ReadingOptions.Treatment.reject
    /// What happens to trips with an end at 0, 0.
    package var nullIsland = ReadingOptions.Treatment.keep

    /// Where the places of ends are that have no coordinates.
    package var places: PlaceTable?

    package init() {}
}
