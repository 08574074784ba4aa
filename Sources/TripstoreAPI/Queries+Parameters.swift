import Bucketing
public import TripModel

extension WeeklyAverageQuery {
    /// Makes the query from named values; unknown or bad ones are `.invalidArgument` with a sentence that names the culprit.
    public init(parameters: [(name: String, value: String)]) throws(TripstoreError) {
        try self.init(parameters: parameters, spelling: .names)
    }

    package init(parameters: [(name: String, value: String)], spelling: ParameterSpelling) throws(TripstoreError) {
        let values = try QueryParameters(
            parameters, known: TripFilter.parameterNames + ["weeks", "explain"], spelling: spelling)
        self.init()
        filter = try TripFilter(values)
        weeks = try values.choice("weeks", otherwise: .calendar)
        explain = try values.flag("explain")
    }
}

extension TripGroupsQuery {
    /// Makes the query from named values; unknown or bad ones are `.invalidArgument` with a sentence that names the culprit.
    public init(parameters: [(name: String, value: String)], defaults: QueryDefaults) throws(TripstoreError) {
        try self.init(parameters: parameters, defaults: defaults, spelling: .names)
    }

    package init(
        parameters: [(name: String, value: String)], defaults: QueryDefaults, spelling: ParameterSpelling
    ) throws(TripstoreError) {
        let values = try QueryParameters(
            parameters,
            known: TripFilter.parameterNames + ["limit", "offset", "precision", "bucket_minutes", "bucket", "explain"],
            spelling: spelling)
        self.init(defaults: defaults)
        filter = try TripFilter(values)
        limit = try values.integer("limit", in: 1...Limits.groupLimitMax, otherwise: limit)
        offset = try values.integer("offset", in: 0...Int(Int32.max), otherwise: 0)
        precision = try values.integer("precision", in: Geohash.precisions, otherwise: precision)
        bucketMinutes = try values.integer("bucket_minutes", in: 1...1440, otherwise: bucketMinutes)
        guard 1440 % bucketMinutes == 0 else {
            throw TripstoreError(
                .invalidArgument,
                "\(spelling.subject("bucket_minutes")) must divide a day of 1440 minutes; \(bucketMinutes) does not.")
        }
        bucket = try values.choice("bucket", otherwise: .timeOfDay)
        explain = try values.flag("explain")
    }
}

extension RegionsQuery {
    /// Makes the query from named values; unknown or bad ones are `.invalidArgument` with a sentence that names the culprit.
    public init(parameters: [(name: String, value: String)]) throws(TripstoreError) {
        try self.init(parameters: parameters, spelling: .names)
    }

    package init(parameters: [(name: String, value: String)], spelling: ParameterSpelling) throws(TripstoreError) {
        let values = try QueryParameters(parameters, known: ["limit", "offset"], spelling: spelling)
        self.init()
        limit = try values.integer("limit", in: 1...Limits.regionLimitMax, otherwise: limit)
        offset = try values.integer("offset", in: 0...Int(Int32.max), otherwise: 0)
    }
}
