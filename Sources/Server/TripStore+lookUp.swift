import Ingestion
import TripModel

extension TripStore {
    /// Looks up what the catalog has, on a thread that waits for no engine; `.unavailable` where it takes longer than a client waits.
    func lookUp<Value: Sendable>(
        _ work: @escaping @Sendable () throws(ColumnStoreError) -> Value
    ) async throws(ColumnStoreError) -> Value {
        let time = ServerLimits.lookupTimeout
        let refusal = ColumnStoreError(
            .unavailable, "\(jobs.catalogName) has not answered for \(Int(time.seconds)) s; try again in a moment.")
        return try await engine.threads.answer(within: time, otherwise: refusal, work)
    }
}
