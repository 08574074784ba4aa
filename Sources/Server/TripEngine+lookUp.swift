import ColumnStore

extension TripEngine {
    /// Reads from the catalog on a thread that waits for no engine; throws `.unavailable` if that takes longer than a client
    /// waits.
    func lookUp<Value: Sendable>(
        _ work: @escaping @Sendable () throws(ColumnStoreError) -> Value
    ) async throws(ColumnStoreError) -> Value {
        let time = ServerLimits.lookupTimeout
        let refusal = ColumnStoreError(
            .unavailable, "\(loads.catalogName) has not answered for \(Int(time.seconds)) s; try again in a moment.")
        return try await threads.answer(within: time, otherwise: refusal, work)
    }
}
