/// Which segments are worth merging: size-tiered, as in log-structured stores.
///
/// A tier holds segments of about equal size (a factor of four). Once a tier has enough of them they become one of the next
/// tier, so a row is rewritten at most once a tier, and the number of small segments stays below tiers × threshold. Large
/// segments are never touched.
enum CompactionPolicy {
    /// Segments of one tier that are merged while loads are waiting.
    ///
    /// A merge makes them wait longer, and only bounds what questions have to look at: it comes before the loads are done only
    /// where very many of them wait.
    static let thresholdWhileBusy = 128
    /// The same while nothing else is to be done.
    static let thresholdWhileIdle = 4

    /// Chooses segments to merge, by position; empty where nothing is worth it.
    ///
    /// - Parameter rowCountMax: rows of a full segment; one with a quarter of them is large.
    static func choose(rowCounts: [Int], rowCountMax: Int, isBusy: Bool) -> [Int] {
        let threshold = isBusy ? thresholdWhileBusy : thresholdWhileIdle
        let tiers = Dictionary(grouping: rowCounts.indices.filter { rowCounts[$0] < rowCountMax / 4 }) { tier(rowCounts[$0]) }
        guard let tier = tiers.keys.sorted().first(where: { tiers[$0]!.count >= threshold }) else { return [] }
        var chosen: [Int] = []
        var rows = 0
        for position in tiers[tier]! where rows + rowCounts[position] <= rowCountMax {
            chosen.append(position)
            rows += rowCounts[position]
        }
        return chosen
    }

    private static func tier(_ rows: Int) -> Int { (Int.bitWidth - max(rows, 1).leadingZeroBitCount) / 2 }
}
