import Logging
package import TripModel

/// How a store makes commits visible.
///
/// The snapshot is derived from the catalog's live segments, and from nothing that an ingestion or a deletion reports: whatever
/// was committed, by whatever code, is visible. `Catalog.liveVersion` shows whether there is something new, so that checking
/// costs nothing.
extension ColumnStore {
    /// Attempts until no segment disappears between reading the catalog and opening its file.
    private static let attemptCountMax = 5

    /// Makes the current state of the catalog visible to queries; if that fails, queries fail until one of them succeeds.
    ///
    /// Opens new segments and closes those that are gone; the others only cost their IDs.
    package func publish() {
        publishing.withLock { _ in
            // Read before the catalog is: later commits have a higher version.
            let version = catalog.liveVersion
            let isCurrent = state.withLock { state in
                if case .success = state.snapshot, state.version == version { return true }
                state.isPublishing = true
                return false
            }
            if isCurrent { return }
            var result: Result<Void, TripstoreError>
            var attempts = 0
            repeat {
                attempts += 1
                // If this process only reads, another one may have removed a segment.
                do throws(TripstoreError) { result = .success(try derive(version)) } catch { result = .failure(error) }
            } while result.hasCode(.notFound) && attempts < Self.attemptCountMax
            if case .failure(let error) = result {
                options.logger.error("Committed trips cannot be published", metadata: ["error": "\(error)"])
                // Until the catalog changes, queries need not retry what is damaged.
                state.withLock { ($0.snapshot, $0.version) = (.failure(error), version) }
            }
            state.withLock { $0.isPublishing = false }
            assert(isRight, "The snapshot differs from the catalog.")
        }
    }

    /// Whether the snapshot matches the catalog, which another process may change if this one only reads.
    private var isRight: Bool {
        guard options.access == .readWrite, case .success = state.withLock({ $0.snapshot }) else { return true }
        return ((try? differences()) ?? nil)?.isEmpty ?? true
    }

    /// Builds the snapshot from the catalog.
    private func derive(_ version: Int) throws(TripstoreError) {
        var readers = state.withLock { $0.readers }
        let live = try catalog.live(besides: Set(readers.keys))
        let opened: [Result<SegmentReader, TripstoreError>]
        do {
            opened = try pool.map(count: live.unknown.count, priority: .query) { [self] index in
                do throws(TripstoreError) { return .success(try open(live.unknown[index])) } catch { return .failure(error) }
            }
        } catch {
            throw TripstoreError(.internalFault, "Segments could not be opened: \(error); please report this.")
        }
        for (segment, reader) in zip(live.unknown, opened) { readers[segment.id] = try? reader.get() }
        // Segments that could be opened stay open for the next attempt.
        state.withLock { $0.readers = readers }
        for reader in opened { _ = try reader.get() }
        let rollup = live.rollup.flatMap(openRollup)
        let segments = live.segments.map { readers[$0.id]! }
        let snapshot = Snapshot(
            segments, rollup: rollup?.reader,
            uncovered: live.segments.indices.filter { rollup == nil || live.segments[$0].rollupID != rollup?.id },
            warning: live.missing?.warning)
        state.withLock {
            $0.readers = Dictionary(uniqueKeysWithValues: zip(live.segments.map(\.id), segments))
            $0.rollup = rollup
            $0.snapshot = .success(snapshot)
            $0.version = version
        }
    }

    func open(_ segment: some NamedSegment) throws(TripstoreError) -> SegmentReader {
        let path = folders.segmentPath(segment.fileName)
        let reader = try SegmentReader(path: path)
        guard reader.rowCount == segment.rowCount else {
            let (has, says) = (reader.rowCount.grouped, segment.rowCount.grouped)
            throw SegmentReader.damage(path, SegmentError(description: "it has \(has) rows, the catalog says \(says)"))
        }
        if let problem = reader.indexProblem {
            options.logger.warning(
                "The index of a segment was rebuilt", metadata: ["file": "\(segment.fileName)", "why": "\(problem)"])
        }
        return reader
    }

    /// Returns the segments that a query issued now sees.
    ///
    /// It does not wait for a running publication, which was not announced yet. If none is running and something was committed
    /// since, or the last one failed for a reason that may be gone, the query publishes.
    package func snapshot() throws(TripstoreError) -> Snapshot {
        let version = catalog.liveVersion
        let (known, isCurrent) = state.withLock { ($0.snapshot, $0.isPublishing || $0.version == version) }
        switch known {
        case .success(let snapshot) where isCurrent: return snapshot
        case .failure(let error) where isCurrent && error.code == .corrupt: throw error
        default:
            publish()
            return try state.withLock { $0.snapshot }.get()
        }
    }

    /// Returns how the snapshot differs from the catalog; empty if it does not, as must be.
    package func snapshotProblems() throws(TripstoreError) -> [String] {
        for _ in 0..<Self.attemptCountMax {
            publish()
            if let differences = try differences() { return differences }
        }
        return []
    }

    /// Returns how the snapshot differs from the catalog; nil if something was committed since it was built, or is being.
    private func differences() throws(TripstoreError) -> [String]? {
        guard let version = catalog.settledLiveVersion else { return nil }
        let state = state.withLock { $0 }
        let snapshot: Snapshot
        switch state.snapshot {
        case .failure(let error): return ["Queries fail: \(error.message)"]
        case .success(let known): snapshot = known
        }
        let live = try catalog.liveSegments()
        let warning = try quarantineWarning() ?? ""
        guard state.version == version, catalog.settledLiveVersion == version else { return nil }
        var differences: [String] = []
        let unseen = live.filter { state.readers[$0.id] == nil }.map(\.fileName)
        if snapshot.segments.map(ObjectIdentifier.init) != live.map({ state.readers[$0.id].map(ObjectIdentifier.init) }) {
            differences.append(
                "Queries see \(snapshot.segments.count) segments, the catalog has \(live.count); not seen: "
                    + "\(unseen.isEmpty ? "none" : unseen.joined(separator: ", ")).")
        }
        let trips = live.reduce(0) { $0 + $1.rowCount }
        if snapshot.rowCount != trips {
            differences.append("Queries see \(snapshot.rowCount.grouped) trips, the catalog has \(trips.grouped).")
        }
        if snapshot.warning ?? "" != warning {
            differences.append("Queries warn of missing trips with '\(snapshot.warning ?? "")', not '\(warning)'.")
        }
        return differences
    }
}

extension Result where Failure == TripstoreError {
    fileprivate func hasCode(_ code: TripstoreError.Code) -> Bool {
        if case .failure(let error) = self { return error.code == code }
        return false
    }
}
