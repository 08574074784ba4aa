package import TripModel

/// What processes tell each other: changes of jobs, and how far each is.
extension PostgresCatalog {
    package func observe(
        _ observer: @escaping @Sendable (CatalogNotice) throws(TripstoreError) -> Void
    ) throws(TripstoreError) {
        let channel = "tripstore_" + (try name())
        let listener = PostgresListener(url, channel: channel, processName: processName, observer) {
            [weak self] () throws(TripstoreError) in _ = try self?.visibility()
        }
        let announcer = PostgresAnnouncer(pool, channel: channel, processName: processName)
        state.withLock {
            $0.listener = listener
            $0.announcer = announcer
        }
    }

    package func announce(_ progress: JobProgress) { state.withLock { $0.announcer }?.announce(progress) }
}
