/// Some of a job's stored rejected rows, as many as one answer has room for.
package struct RejectsPage: Hashable, Sendable {
    package var rows: [RejectedRow] = []
    /// Count of all that are kept.
    package var keptRowCount = 0
    /// Whether more are kept after these.
    package var hasMore = false

    /// Makes a page.
    package init(rows: [RejectedRow] = [], keptRowCount: Int = 0, hasMore: Bool = false) {
        self.rows = rows
        self.keptRowCount = keptRowCount
        self.hasMore = hasMore
    }
}
