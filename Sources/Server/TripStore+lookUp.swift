import Ingestion
import TripModel

extension TripStore {
    /// Reads from the catalog on a thread that waits for no engine; throws `.unavailable` if that takes longer than a client
    /// waits.
    func lookUp<Value: Sendable>(
        _ work: @escaping @Sendable () throws(TripstoreError) -> Value
    ) async throws(TripstoreError) -> Value {
        let time = ServerLimits.lookupTimeout
        let refusal = TripstoreError(
            .unavailable, "\(jobs.catalogName) has not answered for \(Int(time.seconds)) s; try again in a moment.")
        return try await engine.threads.answer(within: time, otherwise: refusal, work)
    }
}
