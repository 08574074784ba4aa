import ArgumentParser

/// How an answer is printed.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case table, json, csv
}

/// How a report that is not a list of rows is printed.
enum ReportFormat: String, ExpressibleByArgument, CaseIterable {
    case table, json
}
