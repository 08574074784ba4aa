import TripModel

extension ScanMetrics {
    /// Writes the cost of a query as the member `explain` of its result.
    func write(to writer: inout JSONWriter) {
        func microseconds(_ time: Duration) -> Double { (time / .nanoseconds(100)).rounded() / 10 }
        let pagesRead = distinctPagesRead
        writer.key("explain")
        writer.object {
            $0.key("segments")
            $0.object {
                $0.member("considered", segmentsConsidered)
                $0.member("skipped", segmentsSkipped)
                $0.member("counted_from_index", segmentsConsidered - segmentsSkipped - segmentsRead)
                $0.member("read", segmentsRead)
            }
            $0.key("pages")
            $0.object {
                $0.member("considered", pagesConsidered)
                $0.member("skipped", pagesConsidered - pagesRead)
                $0.member("read", pagesRead)
            }
            $0.key("rows")
            $0.object {
                $0.member("counted_from_index", rowsCounted)
                $0.member("tested", rowsTested)
            }
            $0.member("bytes_decompressed", bytesDecompressed)
            $0.key("microseconds")
            $0.object {
                $0.member("plan", microseconds(planTime))
                $0.member("scan", microseconds(scanTime))
                $0.member("merge", microseconds(mergeTime))
            }
        }
    }
}

extension JSONWriter {
    /// Writes what is missing as the member `warning`, if anything is.
    mutating func write(warning: String?) {
        guard let warning else { return }
        key("warning")
        value(warning)
    }
}
