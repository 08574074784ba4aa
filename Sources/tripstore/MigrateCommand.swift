import ArgumentParser
import Transfer

/// `tripstore migrate`: brings a store of one machine to a cluster, or back.
struct MigrateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Brings a store from one machine to ClickHouse and PostgreSQL, or back, with its jobs.",
        discussion: """
            The trips of the store in --data-dir go to ClickHouse, its jobs with their numbers, messages, counts, hashes and \
            rejected rows to PostgreSQL, or with --cluster-data-dir to the data directory of a single process. The store is only \
            read, and may be read by others meanwhile. The target must be empty, and nobody may load into it before the end; servers \
            may run.

            It may be killed at any moment: the same command goes on, and each trip counts once. Before it says that it is done, both \
            give equal answers to a set of queries: the trips of each job, all regions, weekly averages, groups of several precisions.

            Jobs that are not complete are refused: bring them to their end, or remove them. Uploads of failed jobs and secrets in \
            URLs stay where they are.

            With --back trips and jobs go from the cluster to --data-dir, which is made where it is absent.

            Examples:
              tripstore migrate --catalog-url postgresql://host/trips
              tripstore migrate --database-url clickhouse://h/trips --cluster-data-dir new
              tripstore migrate --back --data-dir home
            """)

    @Option(help: "The trips of the cluster: clickhouse://host:8123/database (default: $DATABASE_URL).")
    var databaseUrl: String?

    @Option(help: "The jobs of the cluster: postgresql://host/database (default: $CATALOG_URL).")
    var catalogUrl: String?

    @Option(help: "In place of --catalog-url: data directory of the one process of the cluster, which has its jobs.")
    var clusterDataDir: String?

    @Flag(help: "From the cluster to the store of one machine.")
    var back = false

    @OptionGroup var store: StoreOptions

    func run() throws {
        guard catalogUrl == nil || clusterDataDir == nil else {
            throw ValidationError("--catalog-url and --cluster-data-dir name two places for the same jobs; leave one out.")
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
