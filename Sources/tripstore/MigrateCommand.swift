import ArgumentParser
import Transfer

/// `tripstore migrate`: copies a store of one machine to a cluster, or back.
struct MigrateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Copies a store with its jobs to ClickHouse and PostgreSQL, or back.",
        discussion: """
            The trips of the store in --data-dir go to ClickHouse; its jobs, with their ids, messages, counts, hashes and rejected \
            rows, go to PostgreSQL, or with --cluster-data-dir to the data directory of a single process. The store is only read, \
            and others may read it meanwhile. The target must be empty, and nothing may be ingested into it before the migration \
            ends; servers may run.

            You can kill it at any moment: the same command continues, and each trip counts once. Before it reports success, a set \
            of queries must give equal results on both: trips per job, all regions, weekly averages, trip groups at several precisions.

            Refused if jobs are not complete: wait for them, resume them or remove them. Uploads of failed jobs and secrets in URLs \
            stay where they are.

            With --back, trips and jobs go from the cluster to --data-dir, which is created if it does not exist.

            Examples:
              tripstore migrate --catalog-url postgresql://host/trips
              tripstore migrate --database-url clickhouse://h/trips --cluster-data-dir new
              tripstore migrate --back --data-dir home
            """)

    @Option(help: "Where the cluster keeps its trips: clickhouse://host:8123/database (default: $DATABASE_URL).")
    var databaseUrl: String?

    @Option(help: "Where the cluster keeps its jobs: postgresql://host/database (default: $CATALOG_URL).")
    var catalogUrl: String?

    @Option(
        help: "Instead of --catalog-url, for a cluster of one process: its data directory, which has the jobs.",
        completion: .directory)
    var clusterDataDir: String?

    @Flag(help: "Copy from the cluster to the single-machine store.")
    var back = false

    @OptionGroup var store: StoreOptions

    func run() throws {
        guard catalogUrl == nil || clusterDataDir == nil else {
            throw ValidationError("--catalog-url and --cluster-data-dir both say where the jobs are; leave one out.")
        }
        let place = try ClusterPlace(
            store.named(clusterDataDir), databaseURL: databaseUrl, catalogURL: catalogUrl, isLocal: clusterDataDir != nil)
        guard let cluster = place else {
            throw ValidationError(
                "Name the ClickHouse of the cluster: --database-url clickhouse://host:8123/database, or $DATABASE_URL.")
        }
        guard cluster.catalogURL != nil || clusterDataDir != nil else {
            throw ValidationError(
                "Say where the jobs of the cluster are: --catalog-url postgresql://host/database, or --cluster-data-dir DIR for a cluster of "
                    + "one process.")
        }
        let session = TransferSession(unfinished: .refused)
        if back { try session.run(from: cluster, to: store) } else { try session.run(from: store, to: cluster) }
    }
}
