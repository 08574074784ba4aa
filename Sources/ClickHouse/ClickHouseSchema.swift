import TripModel

/// The tables of a store in ClickHouse, and the catalog that owns them.
///
///     trips           on each server: a row per trip of its shard; partitioned by week, ordered by the origin's cell
///     trips_cluster   on each server, if there is a cluster: `trips` of all shards as one
///     tripstore       on each server: version of these tables, and the catalog that owns them
///
/// They are created on each server separately: `ON CLUSTER` needs ZooKeeper, which only clusters with replicas have.
struct ClickHouseSchema {
    /// The version that this program creates.
    static let version = 1
    /// The latest version that it supports: trips may have no destination.
    static let latestVersion = 2

    let url: ClickHouseURL
    let client: ClickHouseClient

    /// Discovers the servers.
    func servers() throws(TripstoreError) -> ClickHouseServers {
        let (first, version) = try firstThatAnswers { address throws(TripstoreError) in
            try client.query("SELECT version() FORMAT TabSeparated", at: address, inDatabase: false)
        }
        let year = Int(String(decoding: version, as: UTF8.self).prefix { $0.isNumber }) ?? 0
        // Blocks are stored as they come; otherwise they are first copied, to be joined with the next. And each of them counts;
        // otherwise a replicated table takes the second of two equal ones, of the same trip again and again, for a retry.
        var insertSettings = [
            ("min_insert_block_size_rows", "0"), ("min_insert_block_size_bytes", "0"), ("insert_deduplicate", "0"),
        ]
        // A block goes to many weeks at once; and it is stored when the server says so.
        if year >= 22 { insertSettings += [("max_partitions_per_insert_block", "0"), ("async_insert", "0")] }
        guard let cluster = url.cluster else {
            try refuseShard(at: first)
            return ClickHouseServers([first], shards: [1], queryTable: "trips", insertSettings: insertSettings)
        }
        let answer = try client.query(
            "SELECT shard_num, host_name FROM system.clusters WHERE cluster = \(ClickHouseSQL.literal(cluster)) "
                + "ORDER BY shard_num, replica_num FORMAT RowBinary", at: first, inDatabase: false)
        var reader = RowBinaryReader(answer)
        var hosts: [String] = []
        var shards: [UInt32: Int] = [:]
        while !reader.isAtEnd {
            shards[try reader.integer(UInt32.self), default: 0] += 1
            hosts.append(try reader.string())
        }
        guard !hosts.isEmpty else {
            throw TripstoreError(
                .invalidArgument,
                "ClickHouse at \(first) has no cluster '\(cluster)'; its remote_servers list those it has.")
        }
        var addresses = url.addresses
        if addresses.count == 1 { addresses = hosts.map { ClickHouseURL.Address(host: $0, port: first.port) } }
        guard addresses.count == hosts.count else {
            let has =
                shards.count == hosts.count
                ? "\(hosts.count) shards" : "\(shards.count) shards with \(hosts.count) replicas in total"
            throw TripstoreError(
                .invalidArgument,
                "The cluster '\(cluster)' has \(has), but DATABASE_URL names \(addresses.count) addresses; name one for "
                    + "each, or a single one.")
        }
        guard Set(addresses).count == addresses.count else {
            throw TripstoreError(
                .invalidArgument,
                "Servers of the cluster '\(cluster)' are on one host, so their HTTP ports differ; name the address of each in "
                    + "DATABASE_URL.")
        }
        return ClickHouseServers(
            addresses, shards: shards.sorted { $0.key < $1.key }.map(\.value), queryTable: "trips_cluster",
            insertSettings: insertSettings)
    }

    /// Refuses to take one shard of a cluster for all of it: queries would miss the trips of the others.
    private func refuseShard(at address: ClickHouseURL.Address) throws(TripstoreError) {
        let answer = try client.query(
            "SELECT engine_full FROM system.tables WHERE database = \(ClickHouseSQL.literal(url.database)) AND name = 'trips_cluster' "
                + "FORMAT RowBinary", at: address, inDatabase: false)
        var reader = RowBinaryReader(answer)
        if reader.isAtEnd { return }
        let cluster = try reader.string().drop { $0 != "(" }.dropFirst().prefix { $0 != "," }.filter { !"'` ".contains($0) }
        throw TripstoreError(
            .invalidArgument,
            "The database '\(url.database)' at \(address) is one shard of the cluster '\(cluster)', which DATABASE_URL does not name; add "
                + "?cluster=\(cluster), or remove the table trips_cluster if the other shards are gone for good.")
    }

    /// Tries the servers of the URL one by one until one answers.
    private func firstThatAnswers<Answer>(
        of addresses: [ClickHouseURL.Address]? = nil,
        _ ask: (ClickHouseURL.Address) throws(TripstoreError) -> Answer
    ) throws(TripstoreError) -> (ClickHouseURL.Address, Answer) {
        var failure: TripstoreError?
        for address in addresses ?? url.addresses {
            do throws(TripstoreError) {
                return (address, try ask(address))
            } catch {
                guard error.code == .unavailable else { throw error }
                failure = failure ?? error
            }
        }
        throw failure ?? TripstoreError(.internalFault, "There is no server; please report this.")
    }

    // MARK: - Tables

    /// Creates what is missing on every server, and checks that all of it belongs to this catalog.
    ///
    /// If shards have replicas, a server may be unavailable: its tables are created when it is back, before anything is stored.
    ///
    /// - Parameter owner: the catalog's own name.
    func prepare(_ servers: ClickHouseServers, owner: String) throws(TripstoreError) {
        servers.owner = owner
        if servers.hasReplicas {
            // Wrong macros are reported before they are used to create tables.
            do throws(TripstoreError) {
                _ = try layout(of: servers)
            } catch {
                guard error.code == .unavailable else { throw error }
            }
        }
        var failure: TripstoreError?
        var count = 0
        for address in servers.addresses {
            do throws(TripstoreError) {
                try prepare(address, of: servers, owner: owner)
                count += 1
            } catch {
                guard servers.hasReplicas, error.code == .unavailable else { throw error }
                failure = failure ?? error
            }
        }
        if count == 0, let failure { throw failure }
    }

    private func prepare(
        _ address: ClickHouseURL.Address, of servers: ClickHouseServers, owner: String
    ) throws(TripstoreError) {
        if servers.isPrepared(address) { return }
        _ = try client.query("CREATE DATABASE IF NOT EXISTS \(Self.identifier(url.database))", at: address, inDatabase: false)
        _ = try client.query(
            "CREATE TABLE IF NOT EXISTS tripstore (name String, value String) ENGINE = MergeTree ORDER BY name", at: address)
        let known = try properties(at: address)
        try refuseNewer(known, address)
        try refuseOthers(known, owner, address)
        let columns = NativeBlock.columns.map { "\($0.name) \($0.type)" }.joined(separator: ", ")
        var made = "MergeTree"
        if servers.hasReplicas {
            _ = try macros(at: address)
            let path = ClickHouseSQL.literal(ReplicatedTable.path(shard: "{shard}", database: url.database))
            made = "ReplicatedMergeTree(\(path), '{replica}')"
        }
        _ = try client.query(
            "CREATE TABLE IF NOT EXISTS trips (\(columns)) ENGINE = \(made) PARTITION BY week ORDER BY origin_cell",
            at: address)
        if servers.hasReplicas, try engine(of: "trips", at: address)?.hasPrefix("Replicated") != true {
            throw TripstoreError(
                .conflict,
                "The table trips of '\(url.database)' at \(address) was created before the cluster had replicas, and is not replicated; "
                    + "name another database and load the trips there.")
        }
        if let cluster = url.cluster { try prepareDistributed(cluster, at: address) }
        if known["owner"] == nil {
            _ = try client.query(
                "INSERT INTO tripstore (name, value) VALUES ('version', '\(Self.version)'), "
                    + "('owner', \(ClickHouseSQL.literal(owner)))", at: address)
        }
        servers.notePrepared(address)
    }

    /// Creates the table of all shards; replaces it if the cluster of the URL is another than before.
    ///
    /// It stores nothing. Otherwise it is left alone, since other processes may be querying it.
    func prepareDistributed(_ cluster: String, at address: ClickHouseURL.Address) throws(TripstoreError) {
        if try isOutdated(cluster, at: address) { _ = try client.query("DROP TABLE IF EXISTS trips_cluster", at: address) }
        _ = try client.query(
            "CREATE TABLE IF NOT EXISTS trips_cluster AS trips ENGINE = Distributed(\(Self.identifier(cluster)), "
                + "\(Self.identifier(url.database)), trips, rand())", at: address)
    }

    /// Returns the engine of a table with its parameters; nil if there is no such table.
    private func engine(of table: String, at address: ClickHouseURL.Address) throws(TripstoreError) -> String? {
        let answer = try client.query(
            "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = '\(table)' FORMAT RowBinary",
            at: address)
        var reader = RowBinaryReader(answer)
        return reader.isAtEnd ? nil : try reader.string()
    }

    /// Returns whether `trips_cluster` exists for another cluster than this one; if that cannot be determined, it is replaced.
    private func isOutdated(_ cluster: String, at address: ClickHouseURL.Address) throws(TripstoreError) -> Bool {
        guard let engine = try engine(of: "trips_cluster", at: address) else { return false }
        // Versions differ in how they quote names.
        return engine.filter { !"'` ".contains($0) } != "Distributed(\(cluster),\(url.database),trips,rand())"
    }

    /// Checks that the tables exist and belong to this catalog, and changes nothing.
    func check(_ servers: ClickHouseServers, owner: String) throws(TripstoreError) {
        let (address, known) = try firstThatAnswers(of: servers.addresses) { address throws(TripstoreError) in
            try properties(at: address)
        }
        try refuseNewer(known, address)
        try refuseOthers(known, owner, address)
    }

    /// Records on every server, before the first such trip is stored, that trips may have no destination: programs that do not know
    /// such trips would form groups of them, and refuse the tables by their version.
    ///
    /// Costs nothing if this process did it before; a repetition changes nothing.
    func admitMissingDestinations(to servers: ClickHouseServers) throws(TripstoreError) {
        if servers.admitsMissingDestinations { return }
        for address in servers.addresses {
            if try properties(at: address)["version"] == String(Self.latestVersion) { continue }
            _ = try client.query(
                "INSERT INTO tripstore (name, value) VALUES ('version', '\(Self.latestVersion)')", at: address)
        }
        servers.admitsMissingDestinations = true
    }

    // MARK: - Replicas

    /// Returns the shards and the servers of each; throws `.unavailable` if one is unavailable that has not reported its shard
    /// yet.
    func shards(of servers: ClickHouseServers) throws(TripstoreError) -> [ClickHouseServers.Shard] {
        if let known = servers.known { return known }
        if let owner = servers.owner {
            for address in servers.addresses { try prepare(address, of: servers, owner: owner) }
        }
        let shards = try layout(of: servers)
        servers.known = shards
        return shards
    }

    /// Queries the shard of every server.
    private func layout(of servers: ClickHouseServers) throws(TripstoreError) -> [ClickHouseServers.Shard] {
        var found: [String: [String: ClickHouseURL.Address]] = [:]
        for address in servers.addresses {
            let macros = try macros(at: address)
            if let other = found[macros.shard, default: [:]].updateValue(address, forKey: macros.replica) {
                throw TripstoreError(
                    .invalidArgument,
                    "ClickHouse at \(other) and at \(address) have the same macros shard and replica; give each server its own."
                )
            }
        }
        let shards = found.sorted { $0.key < $1.key }.map { name, replicas in
            ClickHouseServers.Shard(
                name: name,
                replicas: replicas.sorted { $0.key < $1.key }.map { ClickHouseServers.Replica(address: $1, name: $0) })
        }
        guard shards.map(\.replicas.count).sorted() == servers.shards.sorted() else {
            throw TripstoreError(
                .invalidArgument,
                "By their macro 'shard', the servers form \(shards.count) shards with \(shards.map(\.replicas.count)) servers, but the cluster "
                    + "'\(url.cluster ?? "")' has \(servers.shards); give the servers of one shard the same macro.")
        }
        return shards
    }

    private func macros(at address: ClickHouseURL.Address) throws(TripstoreError) -> (shard: String, replica: String) {
        var reader = RowBinaryReader(
            try client.query("SELECT macro, substitution FROM system.macros FORMAT RowBinary", at: address, inDatabase: false))
        var macros: [String: String] = [:]
        while !reader.isAtEnd { macros[try reader.string()] = try reader.string() }
        guard let shard = macros["shard"], let replica = macros["replica"] else {
            throw TripstoreError(
                .invalidArgument,
                "ClickHouse at \(address) has no macros 'shard' and 'replica', which identify the replicas of a shard; set them "
                    + "in its configuration.")
        }
        return (shard: shard, replica: replica)
    }

    // MARK: - Ownership

    private func properties(at shard: ClickHouseURL.Address) throws(TripstoreError) -> [String: String] {
        var reader = RowBinaryReader(
            try client.query("SELECT name, value FROM tripstore FORMAT RowBinary", at: shard))
        var known: [String: String] = [:]
        while !reader.isAtEnd {
            let (name, value) = (try reader.string(), try reader.string())
            // Rows are added and never changed: the newest version applies.
            known[name] = name == "version" ? String(max(Int(known[name] ?? "") ?? 0, Int(value) ?? 0)) : value
        }
        return known
    }

    private func refuseNewer(_ known: [String: String], _ address: ClickHouseURL.Address) throws(TripstoreError) {
        guard let version = known["version"].flatMap({ Int($0) }), version > Self.latestVersion else { return }
        throw TripstoreError(
            .conflict,
            "The database '\(url.database)' at \(address) was made by a newer version of tripstore; use that version.")
    }

    /// The catalog assigns job IDs, so trips with IDs from another catalog would be taken for this one's.
    private func refuseOthers(
        _ known: [String: String], _ owner: String, _ shard: ClickHouseURL.Address
    ) throws(TripstoreError) {
        guard let other = known["owner"], other != owner else { return }
        throw TripstoreError(
            .conflict,
            "The database '\(url.database)' at \(shard) belongs to another catalog (\(other), this one is \(owner)); "
                + "use the data directory that has it, or name another database.")
    }

    /// Refuses a catalog that is older than the trips, such as a restored one; returns attempts that the catalog lacks.
    ///
    /// These are attempts of jobs that it knows. With an older catalog, trips would count that should not, and new jobs would
    /// reuse IDs.
    ///
    /// The catalog is read after the servers each time: a job and an attempt are in it before their first trip is stored.
    func refuseOlder(
        _ visibility: () throws(TripstoreError) -> Visibility, than servers: ClickHouseServers
    ) throws(TripstoreError) -> [Visibility.Parts] {
        let (address, answer) = try firstThatAnswers(of: servers.addresses) { address throws(TripstoreError) in
            try client.query(ClickHouseSQL.newest(in: servers.queryTable), at: address, asking: servers.addresses)
        }
        var reader = RowBinaryReader(answer)
        let newest = try reader.integer(Int64.self)
        let known = try visibility()
        guard newest <= known.lastJob else {
            throw TripstoreError(
                .unavailable,
                "The database '\(url.database)' has trips of job \(newest), but the catalog's last job is \(known.lastJob): the catalog is "
                    + "older than the trips, as after a restore or a failover to a server that lagged behind. Restore the newer catalog; or, to "
                    + "keep this one, run `tripstore repair`, which deletes the trips it does not know (on each server: ALTER TABLE "
                    + "\(Self.identifier(url.database)).trips DELETE WHERE job_id > \(known.lastJob)), and load what is missing."
            )
        }
        guard Int(try reader.integer(UInt64.self) >> 32) > known.attempts else { return [] }
        reader = RowBinaryReader(
            try client.query(ClickHouseSQL.attempts(after: known.attempts, in: servers.queryTable), at: address))
        var unknown: [Visibility.Parts] = []
        while !reader.isAtEnd {
            let job = try reader.integer(Int64.self)
            unknown.append(
                Visibility.Parts(job: job, attempt: Int(try reader.integer(UInt64.self)), firstUncommitted: 0))
        }
        let last = try visibility().attempts
        return unknown.filter { $0.attempt > last }
    }

    private static func identifier(_ name: String) -> String {
        "`" + name.replacing("\\", with: "\\\\").replacing("`", with: "\\`") + "`"
    }
}
