import ArgumentParser
import ClickHouse
import ColumnStore
import Foundation
import Ingestion
import LocalStore
import Logging
import PostgreSQL
import Transfer
import TripModel

/// The location of a cluster's trips and jobs.
struct ClusterPlace {
    let databaseURL: ClickHouseURL
    /// Nil: the jobs are in the data directory.
    let catalogURL: PostgresURL?
    let directory: String
    /// Its name in messages.
    let name: String

    /// The cluster that flags or the environment name; nil if they name none.
    ///
    /// - Parameters:
    ///   - store: has the data directory.
    ///   - isLocal: whether jobs are there, whatever the environment says.
    init?(_ store: StoreOptions, databaseURL: String? = nil, catalogURL: String? = nil, isLocal: Bool = false) throws {
        guard case .clickHouse(let url) = try Environment.engine(databaseURL) else { return nil }
        self.databaseURL = url
        self.catalogURL = isLocal ? nil : try Environment.catalog(catalogURL)
        directory = store.directory
        name = "\(ShownURL(databaseURL ?? Environment.text("DATABASE_URL") ?? ""))"
    }

    /// Opens it for a transfer.
    func open(_ access: StoreAccess) throws -> TripStore {
        // With jobs in PostgreSQL, copying needs no data directory: an empty folder replaces it, for all runs of a user.
        let folder =
            catalogURL == nil
            ? directory : FileManager.default.temporaryDirectory.appendingPathComponent("tripstore-transfer-\(getuid())").path
        var options = ClickHouseStore.Options(url: databaseURL, dataDirectory: folder, logger: Log.logger(.error))
        options.access = access
        if let catalogURL {
            let uploads = try JobStorage.uploadsFolder(in: folder, access: .readWrite)
            options.catalog = try PostgresCatalog(catalogURL, uploads: uploads, access: access)
        } else if access == .readOnly {
            try StoreFolder.requireStore(in: directory)
        }
        return try ClusterStore(options).store
    }
}

extension StoreOptions {
    /// Returns the same options for another folder; nil: for this one.
    func named(_ folder: String?) -> StoreOptions {
        var options = self
        if let folder { options.dataDir = folder }
        return options
    }

    /// Opens the folder's store of one machine for a transfer, whatever engine the environment names.
    fileprivate func openSegments(_ access: StoreAccess) throws -> TripStore {
        if access == .readOnly { try StoreFolder.requireStore(in: directory) }
        var options = LocalStore.Options(dataDirectory: directory, logger: Log.logger(.error))
        options.access = access
        options.role = .own
        options.isServing = false
        if let rows = try IngestOptions.environmentSegmentRows() { options.segmentRowCount = rows }
        return try LocalStore(options).store
    }
}

/// A transfer between a store of one machine and a cluster, with progress and a summary.
struct TransferSession {
    let unfinished: StoreTransfer.Unfinished

    /// Copies a store of one machine to a cluster.
    func run(from store: StoreOptions, to cluster: ClusterPlace) throws {
        if cluster.catalogURL == nil { try StoreTransfer.requireApart(store.directory, cluster.directory) }
        let source = try Activity.run("Opening \(Readable.text(store.directory)) …") { _ in try store.openSegments(.readOnly) }
        defer { source.close() }
        let target = try Activity.run("Connecting to \(cluster.name) …") { _ in try cluster.open(.readWrite) }
        try run(from: source, to: target, called: cluster.name)
    }

    /// Copies a cluster to a store of one machine.
    func run(from cluster: ClusterPlace, to store: StoreOptions) throws {
        if cluster.catalogURL == nil { try StoreTransfer.requireApart(cluster.directory, store.directory) }
        let source = try Activity.run("Connecting to \(cluster.name) …") { _ in try cluster.open(.readOnly) }
        defer { source.close() }
        try run(from: source, to: store.openSegments(.readWrite), called: Readable.text(store.directory))
    }

    private func run(from source: TripStore, to target: TripStore, called name: String) throws {
        defer { target.close() }
        let progress = TripProgress("Comparing jobs …")
        defer { progress.end() }
        let start = ContinuousClock.now
        // The rate is that of the copy, not of the queries after it.
        var end: ContinuousClock.Instant?
        let transfer = StoreTransfer(from: source.engine, to: target.engine, unfinished: unfinished) { moment in
            switch moment {
            case .copied(let trips, let count): progress.show(trips: trips, of: count)
            case .waits(let reason): progress.note("Waiting: \(reason)")
            case .compares:
                end = .now
                progress.note("Comparing answers …")
            }
        }
        let report = try transfer.run()
        progress.end()
        try Output.result(text(of: report, name, (end ?? .now) - start))
    }

    private func text(of report: TransferReport, _ name: String, _ elapsed: Duration) -> String {
        var notes: [String] = []
        let rate = Int(Double(report.newTrips) / max(elapsed / .seconds(1), 0.001))
        if report.newTrips > 0 {
            notes.append(
                "\(Readable.count(report.newTrips)) copied now in \(Readable.count(report.newJobs, "job")), \(Readable.count(rate)) "
                    + "trips/s")
        } else {
            notes.append("all of them were already there")
        }
        if report.unfinishedJobs > 0 {
            notes.append("\(Readable.count(report.unfinishedJobs, "job")) not complete, recorded as failed")
        }
        notes.append("\(Readable.count(report.queries)) queries gave equal results")
        return "\(name): \(Readable.count(report.trips, "trip")) of \(Readable.count(report.jobs, "job")); "
            + notes.joined(separator: "; ") + "\n"
    }
}
