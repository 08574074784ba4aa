package import TripModel

/// What storing parts needs: every shard with its tables.
extension ClickHouseStore {
    package var parts: [NeededPart] {
        // As long as some server has not reported its shard, another one may have the same.
        let groups =
            servers.known?.map { $0.replicas.map(\.address) }
            ?? (servers.hasReplicas ? [servers.addresses] : servers.addresses.map { [$0] })
        return groups.map { addresses in
            let name = "ClickHouse at " + addresses.map(\.description).joined(separator: " or ")
            return NeededPart(name) { [self] () throws(TripstoreError) in try requireOne(of: addresses) }
        }
    }

    /// Throws if none of a shard's servers has the tables that queries and jobs need.
    private func requireOne(of addresses: [ClickHouseURL.Address]) throws(TripstoreError) {
        let sql = "SELECT name FROM system.tables WHERE database = currentDatabase() FORMAT RowBinary"
        var failure: TripstoreError?
        for (address, look) in addresses.map({ ($0, client.look(sql, at: $0)) }) {
            do throws(TripstoreError) {
                var reader = RowBinaryReader(try look.wait())
                var names: Set<String> = []
                while !reader.isAtEnd { names.insert(try reader.string()) }
                guard let gone = ["tripstore", "trips", servers.queryTable].first(where: { !names.contains($0) }) else {
                    return
                }
                if gone == servers.queryTable, gone != "trips", options.access == .readWrite {
                    return try makeQueryTable(at: address)
                }
                failure = TripstoreError(
                    .io, "The table \(gone) of '\(options.url.database)' at \(address) is gone; restore it with its rows.")
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }
}
