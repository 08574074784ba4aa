import Logging
package import TripModel

/// How a store shows what was committed.
///
/// The snapshot is derived from the catalog's live segments, and from nothing that a load or a deletion says of itself: whatever was
/// committed, by whatever code, is seen. `Catalog.liveVersion` says whether there is something new, so that asking costs nothing.
extension ColumnStore {
    /// Attempts until no segment is gone between the look at the catalog and the look at its file.
    private static let attemptCountMax = 5

    /// Shows queries what the catalog says now; where that cannot be done, queries fail until one of them can do it.
    ///
    /// Opens the segments that are new and lets go of those that are gone; the others cost their numbers only.
    package func publish() {
        publishing.withLock { _ in
            // Read before the catalog is: what is committed meanwhile has a later one.
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
                // Another process may have taken a segment out, where this one only reads.
                do throws(TripstoreError) { result = .success(try derive(version)) } catch { result = .failure(error) }
            } while result.hasCode(.notFound) && attempts < Self.attemptCountMax
            if case .failure(let error) = result {
                options.logger.error("What was committed cannot be shown", metadata: ["error": "\(error)"])
                // Until the catalog changes, queries need not try again what is damaged.
                state.withLock { ($0.snapshot, $0.version) = (.failure(error), version) }
            }
            state.withLock { $0.isPublishing = false }
            assert(isRight, "The snapshot differs from the catalog.")
        }
    }

    /// Whether the snapshot is what the catalog says, which another process may change where this one only reads.
    private var isRight: Bool {
        guard options.access == .readWrite, case .success = state.withLock({ $0.snapshot }) else { return true }
        return ((try? differences()) ?? nil)?.isEmpty ?? true
    }

    /// Makes the snapshot of what the catalog says.
    private func derive(_ version: Int) throws(TripstoreError) {
        var readers = state.withLock { $0.readers }
        let live = try catalog.live(besides: Set(readers.keys))
        let opened: [Result<SegmentReader, TripstoreError>]
        do {
            opened = try pool.map(count: live.unknown.count, priority: .question) { [self] index in
                do throws(TripstoreError) { return .success(try open(live.unknown[index])) } catch { return .failure(error) }
            }
        } catch {
            throw TripstoreError(.internalFault, "Segments could not be opened: \(error); please report this.")
        }
        for (segment, reader) in zip(live.unknown, opened) { readers[segment.id] = try? reader.get() }
        // What could be opened stays so for the next attempt.
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
                "The index of a segment was made anew", metadata: ["file": "\(segment.fileName)", "why": "\(problem)"])
        }
        return reader
    }

    /// The segments that a query asked now sees.
    ///
    /// It does not wait for a publication under way, of which nobody was told yet. Where none is and something was committed
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

    /// How the snapshot differs from the catalog; empty where it does not, as it must be.
    package func snapshotProblems() throws(TripstoreError) -> [String] {
        for _ in 0..<Self.attemptCountMax {
            publish()
            if let differences = try differences() { return differences }
        }
        return []
    }

    /// How the snapshot differs from the catalog; nil where something was committed since it was made, or is being.
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
            differences.append("Queries say of missing trips '\(snapshot.warning ?? "")', not '\(warning)'.")
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
