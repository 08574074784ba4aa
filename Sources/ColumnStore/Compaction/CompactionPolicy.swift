/// Which segments to merge: size-tiered, as in log-structured stores.
///
/// A tier has segments of about equal size (within a factor of four). Once a tier has enough of them, they become one of the
/// next tier, so a row is rewritten at most once per tier, and the count of small segments stays below tiers × threshold. Large
/// segments are never merged.
enum CompactionPolicy {
    /// Segments of one tier that trigger a merge while jobs wait.
    ///
    /// A merge delays them, and only bounds how many segments queries read: it precedes the jobs only if very many segments
    /// wait.
    static let thresholdWhileBusy = 128
    /// The same while the process is otherwise idle.
    static let thresholdWhileIdle = 4

    /// Chooses segments to merge, by index; empty if no merge is worthwhile.
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
