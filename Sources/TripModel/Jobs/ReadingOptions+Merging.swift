/// Saved options that complete those of a request.
extension ReadingOptions {
    /// Returns these options, with saved ones where these say nothing.
    ///
    /// A saved column is left out if a given one says the same in another way: `origin=POINT` replaces `origin_lng=X`.
    package func completed(by saved: ReadingOptions) -> ReadingOptions {
        var merged = self
        for (target, column) in saved.map where !map.keys.contains(where: { $0 == target || $0.excludes(target) }) {
            merged.map[target] = column
        }
        merged.region = region ?? saved.region
        merged.datasource = datasource ?? saved.datasource
        merged.timeZone = timeZone ?? saved.timeZone
        merged.dateOrder = dateOrder ?? saved.dateOrder
        merged.missingDestination = missingDestination ?? saved.missingDestination
        merged.nullIsland = nullIsland ?? saved.nullIsland
        merged.places = places ?? saved.places
        merged.delimiter = delimiter ?? saved.delimiter
        merged.encoding = encoding ?? saved.encoding
        merged.decimalComma = decimalComma ?? saved.decimalComma
        merged.hasHeader = hasHeader ?? saved.hasHeader
        return merged
    }
}
