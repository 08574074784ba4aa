import ClickHouse
import Ingestion
import TripModel

/// Trips in ClickHouse with their jobs, as commands open them: this process works only on the jobs that it submits itself.
struct ClusterStore {
    let engine: ClickHouseStore
    let store: TripStore
    var jobs: JobService { store.jobs }

    init(_ options: ClickHouseStore.Options) throws {
        engine = try ClickHouseStore(options)
        var settings = JobSettings(access: options.access, logger: options.logger)
        settings.role = .own
        settings.isServing = false
        store = try TripStore(engine, settings)
    }

    func close() { store.close() }
}
