import TripModel

/// Ends of trips that are places of the second file: which column names them, and whether by id or by name.
///
/// Values decide: a column counts if most of its values are keys of places. That is no proof, as many systems number their stations from 1, so
/// a second column must not contradict it.
extension FormatRecognizer {
    /// A column whose values are looked up in a column of keys.
    private struct Match {
        var column: Int
        var key: Int
        /// How many of its values are found.
        var share: Double
    }

    /// Degrees by which two places of one row may differ: publishers move their stations.
    private static let toleranceDegrees = 0.02

    static func placeTarget(_ end: HeaderWords.Meaning) -> ReadingOptions.Target {
        end == .origin ? .originPlace : .destinationPlace
    }

    /// Returns the column of places of one end; nil if the file has none, or no file of places is given.
    func placeByKey(_ end: HeaderWords.Meaning) throws(FormatQuestion) -> TripFormat.Place? {
        let mapped = mapped[Self.placeTarget(end)]
        guard let places else { return nil }
        let columns = mapped.map { [$0] } ?? placeColumns(end)
        guard !columns.isEmpty else { return nil }
        let matches = columns.compactMap { match($0, places) }
        let best = matches.map(\.share).max() ?? 0
        guard let match = matches.first(where: { $0.share > 0.5 && $0.share >= best - 0.1 }) else {
            throw unknown(end, columns, places)
        }
        if mapped == nil { try requireAgreement(match, matches, columns, end, places) }
        try requireOneKey(match, places)
        return .place(match.column, key: match.key)
    }

    private func match(_ column: Int, _ places: PlaceTable) -> Match? {
        var best: Match?
        for key in places.columns.indices {
            let share = sample.share(column) { places.point(of: $0, column: key) != nil }
            if share > best?.share ?? 0 { best = Match(column: column, key: key, share: share) }
        }
        return best
    }

    /// Asks which column names the places if two columns name different ones, or names and places have nothing in common.
    private func requireAgreement(
        _ match: Match, _ matches: [Match], _ columns: [Int], _ end: HeaderWords.Meaning, _ places: PlaceTable
    ) throws(FormatQuestion) {
        for other in matches where other.column != match.column && other.share > 0.5 {
            var (count, differentCount, farCount) = (0, 0, 0)
            for record in sample.records where max(match.column, other.column) < record.count {
                guard let a = places.point(of: record[match.column], column: match.key),
                    let b = places.point(of: record[other.column], column: other.key)
                else { continue }
                count += 1
                if a != b { differentCount += 1 }
                if abs(a.longitude - b.longitude) > Self.toleranceDegrees
                    || abs(a.latitude - b.latitude) > Self.toleranceDegrees
                {
                    farCount += 1
                }
            }
            // Some stations may have moved a little; if most did, they are others.
            if farCount * 20 > count || differentCount * 2 > count { throw contradiction(match.column, other.column, end) }
        }
        guard !Self.isName(words[match.column].words), places.columns.contains(where: { Self.isName(HeaderWords($0).words) })
        else {
            return
        }
        for column in columns where column != match.column && Self.isName(words[column].words) {
            guard Set(sample.values[column]).count >= 3, !matches.contains(where: { $0.column == column }) else { continue }
            throw contradiction(match.column, column, end)
        }
    }

    /// Throws if the values are keys of different places in two columns of the places.
    private func requireOneKey(_ match: Match, _ places: PlaceTable) throws(FormatQuestion) {
        for key in places.columns.indices where key != match.key {
            let found = sample.values[match.column].compactMap { value -> Bool? in
                guard let a = places.point(of: value, column: match.key), let b = places.point(of: value, column: key) else {
                    return nil
                }
                return a == b
            }
            guard found.count * 2 > sample.values[match.column].count, found.count(where: { !$0 }) * 20 > found.count else {
                continue
            }
            throw FormatQuestion(
                option: "places", column: sample.name(match.column), example: sample.values[match.column].first, choices: [],
                reason:
                    "The values of the column \(sample.name(match.column)) are in two columns of the file of places, \(places.columns[match.key]) "
                    + "and \(places.columns[key]), for different places; leave one of these out of that file.")
        }
    }

    private static func isName(_ words: [String]) -> Bool { words.contains { $0 == "name" || $0 == "names" || $0 == "nombre" } }

    private func contradiction(_ column: Int, _ other: Int, _ end: HeaderWords.Meaning) -> FormatQuestion {
        FormatQuestion(
            option: "map", column: sample.name(other), example: sample.values[other].first,
            choices: [sample.name(column), sample.name(other)],
            reason:
                "The file of places has the values of the column \(sample.name(column)), but other places or none for those of "
                + "\(sample.name(other)), such as \(sample.values[other].first ?? ""); it may be another system's.",
            answers: [column, other].map { ["\(Self.placeTarget(end).rawValue)=\(sample.reference($0))"] })
    }

    private func unknown(_ end: HeaderWords.Meaning, _ columns: [Int], _ places: PlaceTable) -> FormatQuestion {
        let examples = columns.prefix(3).map { "\(sample.name($0)) has \(sample.values[$0].first ?? "no values")" }
        return FormatQuestion(
            option: "map", column: sample.name(columns[0]), example: sample.values[columns[0]].first,
            choices: columns.map(sample.name),
            reason:
                "The file of places lacks most \(Self.noun(end)) of the trips: it has \(places.columns.joined(separator: ", ")) of "
                + "\(places.placeCount == 1 ? "1 place" : "\(places.placeCount.grouped) places"), but \(examples.joined(separator: ", ")).",
            targets: [Self.placeTarget(end).rawValue])
    }
}
