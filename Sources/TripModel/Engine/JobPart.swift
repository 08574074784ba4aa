/// Rows that are stored and committed together: of one job, or whole small ones.
package struct JobPart: Sendable {
    /// The job; the first of several.
    package var job: Int64
    /// Whether it has rows of several jobs, as their batches say.
    package var isGroup: Bool
    /// Which attempt of the job stores it, from 1: an interrupted attempt may have left parts that were never committed.
    package var attempt: Int
    /// Its index among the parts of the attempt, from 0.
    package var number: Int
    /// Lines of the source up to its last row.
    package var endLine: Int
    /// The provenance of its jobs, if that is stored with the trips.
    package var provenance: SegmentProvenance

    package init(job: Int64, isGroup: Bool, attempt: Int, number: Int, endLine: Int, provenance: SegmentProvenance) {
        self.job = job
        self.isGroup = isGroup
        self.attempt = attempt
        self.number = number
        self.endLine = endLine
        self.provenance = provenance
    }
}
