import Bucketing
import TripModel
import TripstoreAPI

/// Explains why a query found no trips, and what would find some, from the store's regions.
struct NoMatch {
    let filter: FilterOptions

    /// Maximum of suggested names.
    private static let nameCountMax = 3
    /// Maximum characters of a name in a sentence.
    private static let nameLengthMax = 80

    /// Returns a sentence, or nil if the store does not answer.
    ///
    /// It reads at most `Limits.regionLimitMax` regions, those with the most trips.
    func sentence(_ engine: any TripEngine) -> String? {
        let limit = ("limit", String(Limits.regionLimitMax))
        guard let query = try? RegionsQuery(parameters: [limit]), let known = try? engine.regions(query) else { return nil }
        if known.totalRegions == 0 { return "The store has no trips yet; load some with: tripstore ingest FILE." }
        var regions = known.regions
        if let name = filter.region {
            regions = regions.filter { $0.region.utf8.elementsEqual(name.utf8) }
            if regions.isEmpty {
                let names = known.regions.map(\.region)
                return unknown("region", name, names, isComplete: names.count == known.totalRegions)
            }
        }
        let isComplete = regions.allSatisfy { $0.datasources.count == $0.totalDatasources }
        if let name = filter.datasource {
            let names = Set(regions.flatMap { $0.datasources.map(\.datasource) })
            if isComplete || filter.region != nil, !names.contains(where: { $0.utf8.elementsEqual(name.utf8) }) {
                let place = filter.region.map { " in the region \(quoted($0))" } ?? ""
                return unknown("datasource", name, names.sorted(), in: place, isComplete: isComplete)
            }
        }
        guard let first = regions.map(\.firstAt).min(), let last = regions.map(\.lastAt).max() else { return nil }
        let (from, to) = (LocalDateTime.text(microseconds: first), LocalDateTime.text(microseconds: last))
        let what = filter.region.map { "The region \(quoted($0))" } ?? "The store"
        return "\(what) has trips from \(from) to \(to); widen the time, the box or another filter."
    }

    private func unknown(_ kind: String, _ name: String, _ names: [String], in place: String = "", isComplete: Bool) -> String {
        let near = EditDistance.nearest(to: name, among: names).prefix(Self.nameCountMax).map(quoted)
        let start =
            isComplete ? "There is no \(kind) \(quoted(name))\(place)" : "No trips of the \(kind) \(quoted(name))\(place)"
        if let last = near.last {
            let list = near.count == 1 ? last : near.dropLast().joined(separator: ", ") + " or \(last)"
            return "\(start). Did you mean \(list)?"
        }
        return "\(start); see what there is with: tripstore regions."
    }

    private func quoted(_ name: String) -> String { "'\(TextWidth.cut(Readable.text(name), to: Self.nameLengthMax))'" }
}
