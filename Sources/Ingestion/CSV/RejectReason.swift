/// Why a row is rejected: a small fixed set of phrases without any content of the row, so that rejects can be counted.
///
/// If several apply, the first in the order structure, region, origin, destination, datetime, datasource is given.
package enum RejectReason: String, CaseIterable, Hashable, Sendable, Error {
    // MARK: Structure
    case rowTooLong = "row longer than 2,097,152 bytes"
    case unterminatedQuote = "unterminated quote"
    case quoteInUnquotedField = "quote inside an unquoted field"
    case textAfterClosingQuote = "text after a closing quote"
    case tooFewFields = "fewer fields than the header"
    case tooManyFields = "more fields than the header"

    // MARK: Names
    case regionEmpty = "region is empty"
    case regionTooLong = "region is longer than 1,024 bytes"
    case regionControlCharacter = "region has a control character"
    case regionNotUTF8 = "region is not valid UTF-8"
    case datasourceEmpty = "datasource is empty"
    case datasourceTooLong = "datasource is longer than 1,024 bytes"
    case datasourceControlCharacter = "datasource has a control character"
    case datasourceNotUTF8 = "datasource is not valid UTF-8"

    // MARK: Points
    case originEmpty = "origin is empty"
    case originHalf = "origin has one coordinate of two"
    case originNotPoint = "origin is not POINT (longitude latitude)"
    case originOtherForm = "origin is not a point in the form of its column"
    case originUnknownPlace = "origin is a place that the file of places does not have"
    case originAmbiguousPlace = "origin is the name of several places"
    case originEmptyPoint = "origin is an empty point"
    case originNotNumber = "origin has a coordinate that is not a number"
    case originTooManyCoordinates = "origin has more than two coordinates"
    case originLongitudeOutOfRange = "origin longitude out of range -180...180"
    case originLatitudeOutOfRange = "origin latitude out of range -90...90"
    case originAxesSwapped = "origin latitude out of range -90...90 (are the axes swapped?)"
    case destinationHalf = "destination has one coordinate of two"
    case destinationNotPoint = "destination is not POINT (longitude latitude)"
    case destinationMissing = "no destination (missing_destination=keep keeps such trips)"
    case destinationOtherForm = "destination is not a point in the form of its column"
    case destinationUnknownPlace = "destination is a place that the file of places does not have"
    case destinationAmbiguousPlace = "destination is the name of several places"
    case destinationEmptyPoint = "destination is an empty point"
    case destinationNotNumber = "destination has a coordinate that is not a number"
    case destinationTooManyCoordinates = "destination has more than two coordinates"
    case destinationLongitudeOutOfRange = "destination longitude out of range -180...180"
    case destinationLatitudeOutOfRange = "destination latitude out of range -90...90"
    case destinationAxesSwapped = "destination latitude out of range -90...90 (are the axes swapped?)"
    case nullIsland = "origin or destination is 0, 0 (null_island=keep keeps such trips)"

    // MARK: Times
    case timeEmpty = "datetime is empty"
    case timeMalformed = "datetime is not a date and time"
    case timeHasZone = "datetime has a time zone (times must be local wall-clock times without one)"
    case timeImpossible = "datetime does not exist on calendar or clock"
    case timeOtherOrder = "datetime has day and month in the other order than its column"
    case timeOrderUnknown = "datetime has day and month in an unknown order (date_order)"

    init(region problem: NameProblem) {
        switch problem {
        case .empty: self = .regionEmpty
        case .tooLong: self = .regionTooLong
        case .controlCharacter: self = .regionControlCharacter
        case .notUTF8: self = .regionNotUTF8
        }
    }

    init(datasource problem: NameProblem) {
        switch problem {
        case .empty: self = .datasourceEmpty
        case .tooLong: self = .datasourceTooLong
        case .controlCharacter: self = .datasourceControlCharacter
        case .notUTF8: self = .datasourceNotUTF8
        }
    }

    init(origin problem: PointProblem) {
        switch problem {
        case .empty: self = .originEmpty
        case .notPoint: self = .originNotPoint
        case .emptyPoint: self = .originEmptyPoint
        case .notNumber: self = .originNotNumber
        case .tooManyCoordinates: self = .originTooManyCoordinates
        case .longitudeOutOfRange: self = .originLongitudeOutOfRange
        case .latitudeOutOfRange: self = .originLatitudeOutOfRange
        case .axesSwapped: self = .originAxesSwapped
        case .otherForm: self = .originOtherForm
        case .unknownPlace: self = .originUnknownPlace
        case .ambiguousPlace: self = .originAmbiguousPlace
        }
    }

    init(destination problem: PointProblem) {
        switch problem {
        case .empty: self = .destinationMissing
        case .notPoint: self = .destinationNotPoint
        case .emptyPoint: self = .destinationEmptyPoint
        case .notNumber: self = .destinationNotNumber
        case .tooManyCoordinates: self = .destinationTooManyCoordinates
        case .longitudeOutOfRange: self = .destinationLongitudeOutOfRange
        case .latitudeOutOfRange: self = .destinationLatitudeOutOfRange
        case .axesSwapped: self = .destinationAxesSwapped
        case .otherForm: self = .destinationOtherForm
        case .unknownPlace: self = .destinationUnknownPlace
        case .ambiguousPlace: self = .destinationAmbiguousPlace
        }
    }

    init(time problem: TimestampProblem) {
        switch problem {
        case .empty: self = .timeEmpty
        case .malformed: self = .timeMalformed
        case .hasZone: self = .timeHasZone
        case .impossible: self = .timeImpossible
        case .orderUnknown: self = .timeOrderUnknown
        case .otherOrder: self = .timeOtherOrder
        }
    }
}
