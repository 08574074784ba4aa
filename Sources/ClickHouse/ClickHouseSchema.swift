import ColumnStore

/// The tables of a store in ClickHouse, and whose they are.
///
///     trips           on each shard: a row a trip; partitioned by week, ordered by the origin's cell
///     trips_cluster   on each shard, where there is a cluster: `trips` of all shards as one
///     tripstore       on each shard: version of these tables, and the catalog that they belong to
///
/// They are made on each server by itself: `ON CLUSTER` needs ZooKeeper.
struct ClickHouseSchema {
    /// What this program makes and knows.
    static let version = 1

    let url: ClickHouseURL
    let client: ClickHouseClient

    /// What is to be known of the servers.
    struct Servers: Sendable {
        /// One for each shard.
        var shards: [ClickHouseURL.Address]
        /// Settings of an INSERT, which the versions do not share.
        var insertSettings: [(String, String)]
        /// The table that questions are asked of.
        var questionTable: String
    }

    /// Finds the shards.
    func servers() throws(ColumnStoreError) -> Servers {
        let first = url.addresses[0]
        let version = String(
            decoding: try client.query("SELECT version() FORMAT TabSeparated", at: first, inDatabase: false), as: UTF8.self)
        let year = Int(version.prefix { $0.isNumber }) ?? 0
        // A part goes to many weeks at once; and it is there when the server says so.
        let insertSettings = year >= 22 ? [("max_partitions_per_insert_block", "0"), ("async_insert", "0")] : []
        guard let cluster = url.cluster else {
            return Servers(shards: [first], insertSettings: insertSettings, questionTable: "trips")
        }
        let answer = try client.query(
            "SELECT shard_num, replica_num, host_name FROM system.clusters WHERE cluster = \(ClickHouseSQL.literal(cluster)) "
                + "ORDER BY shard_num, replica_num FORMAT RowBinary", at: first, inDatabase: false)
        var reader = RowBinaryReader(answer)
        var hosts: [String] = []
        while !reader.isAtEnd {
            _ = try reader.integer(UInt32.self)
            let replica = try reader.integer(UInt32.self)
            let host = try reader.string()
            guard replica == 1 else {
                throw ColumnStoreError(
                    .invalidArgument,
                    "The cluster '\(cluster)' has replicas, which this version does not fill; name one without.")
            }
            hosts.append(host)
        }
        guard !hosts.isEmpty else {
            throw ColumnStoreError(
                .invalidArgument,
                "ClickHouse at \(first) knows no cluster '\(cluster)'; its remote_servers name those it knows.")
        }
        var shards = url.addresses
        if shards.count == 1 { shards = hosts.map { ClickHouseURL.Address(host: $0, port: first.port) } }
        guard shards.count == hosts.count else {
            throw ColumnStoreError(
                .invalidArgument,
                "The cluster '\(cluster)' has \(hosts.count) shards, DATABASE_URL names \(shards.count) addresses; "
                    + "name one of each shard, or one in all.")
        }
        guard Set(shards).count == shards.count else {
            throw ColumnStoreError(
                .invalidArgument,
                "Shards of the cluster '\(cluster)' are on one host, so their HTTP ports differ; name the address of each in "
                    + "DATABASE_URL.")
        }
        return Servers(shards: shards, insertSettings: insertSettings, questionTable: "trips_cluster")
    }

    /// Makes what is missing on every shard, and makes sure that all of it is this catalog's.
    ///
    /// - Parameter owner: the catalog's own name.
    func prepare(_ servers: Servers, owner: String) throws(ColumnStoreError) {
        for shard in servers.shards {
            _ = try client.query(
                "CREATE DATABASE IF NOT EXISTS \(Self.identifier(url.database))", at: shard, inDatabase: false)
            _ = try client.query(
                "CREATE TABLE IF NOT EXISTS tripstore (name String, value String) ENGINE = MergeTree ORDER BY name", at: shard)
            let known = try properties(at: shard)
            if let version = known["version"].flatMap({ Int($0) }), version > Self.version {
                throw ColumnStoreError(
                    .conflict,
                    "The database '\(url.database)' at \(shard) was made by a newer version of tripstore; use that version.")
            }
            try refuseOthers(known, owner, shard)
            let columns = NativeBlock.columns.map { "\($0.name) \($0.type)" }.joined(separator: ", ")
            _ = try client.query(
                "CREATE TABLE IF NOT EXISTS trips (\(columns)) ENGINE = MergeTree PARTITION BY week ORDER BY origin_cell",
                at: shard)
            if let cluster = url.cluster {
                // It holds nothing, and the cluster of the URL may be another than before. Other processes may be asking it.
                if try isOutdated(cluster, at: shard) { _ = try client.query("DROP TABLE IF EXISTS trips_cluster", at: shard) }
                _ = try client.query(
                    "CREATE TABLE IF NOT EXISTS trips_cluster AS trips ENGINE = Distributed(\(Self.identifier(cluster)), "
                        + "\(Self.identifier(url.database)), trips, rand())", at: shard)
            }
            if known["owner"] == nil {
                _ = try client.query(
                    "INSERT INTO tripstore (name, value) VALUES ('version', '\(Self.version)'), "
                        + "('owner', \(ClickHouseSQL.literal(owner)))", at: shard)
            }
        }
    }

    /// Whether `trips_cluster` is there and over another cluster than this one; where that cannot be told it is made anew.
    private func isOutdated(_ cluster: String, at shard: ClickHouseURL.Address) throws(ColumnStoreError) -> Bool {
        let answer = try client.query(
            "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = 'trips_cluster' FORMAT RowBinary",
            at: shard)
        if answer.isEmpty { return false }
        var reader = RowBinaryReader(answer)
        // Versions differ in how they quote names.
        let engine = try reader.string().filter { !"'` ".contains($0) }
        return engine != "Distributed(\(cluster),\(url.database),trips,rand())"
    }

    /// Makes sure that the tables are there and this catalog's, and changes nothing.
    func check(_ servers: Servers, owner: String) throws(ColumnStoreError) {
        let shard = servers.shards[0]
        try refuseOthers(try properties(at: shard), owner, shard)
    }

    private func properties(at shard: ClickHouseURL.Address) throws(ColumnStoreError) -> [String: String] {
        var reader = RowBinaryReader(
            try client.query("SELECT name, value FROM tripstore FORMAT RowBinary", at: shard))
        var known: [String: String] = [:]
        while !reader.isAtEnd {
            let (name, value) = (try reader.string(), try reader.string())
            // Rows are added and never changed: of versions the newest holds.
            known[name] = name == "version" ? String(max(Int(known[name] ?? "") ?? 0, Int(value) ?? 0)) : value
        }
        return known
    }

    /// Jobs are numbered by the catalog, so trips that another catalog numbered would be taken for this one's.
    private func refuseOthers(
        _ known: [String: String], _ owner: String, _ shard: ClickHouseURL.Address
    ) throws(ColumnStoreError) {
        guard let other = known["owner"], other != owner else { return }
        throw ColumnStoreError(
            .conflict,
            "The database '\(url.database)' at \(shard) belongs to another catalog (\(other), this one is \(owner)); "
                + "use the data directory that has it, or name another database.")
    }

    private static func identifier(_ name: String) -> String {
        "`" + name.replacing("\\", with: "\\\\").replacing("`", with: "\\`") + "`"
    }
}
