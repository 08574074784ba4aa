import Foundation
import Logging
import TripModel

/// How a store maintains its rollup.
extension ColumnStore {
    /// Counts the groups of segments that the rollup does not cover yet, if they are many, and builds a new rollup with them.
    func maintainRollup() {
        var looked: [Int64] = []
        do {
            let (live, named) = try catalog.liveSegmentsAndRollup()
            looked = live.map(\.id)
            let (readers, known) = state.withLock { ($0.readers, $0.rollup) }
            let rollup = known?.id == named?.id && known?.reader.isIntact == true ? known : nil
            let isCovered = { (segment: Catalog.LiveSegment) in rollup != nil && segment.rollupID == rollup?.id }
            let missing = live.filter { !isCovered($0) }
            let missingRowCount = missing.reduce(0) { $0 + $1.rowCount }
            let coveredRowCount = live.reduce(0) { $0 + $1.rowCount } - missingRowCount
            guard missingRowCount >= max(options.rollupRowCountMin, coveredRowCount / 16) else {
                return try removeUnnamedRollups()
            }
            let segments = try missing.map { try readers[$0.id] ?? open($0) }
            var writer = GroupRollupWriter(startingWith: rollup?.reader)
            if let rollup, !rollup.reader.isIntact { return replaceRollup(rollup.reader) }
            let executor = QueryExecutor(Snapshot(segments), on: pool, useIndex: true, scratches: scratches)
            var step: [Int] = []
            for position in segments.indices {
                step.append(position)
                let rowCount = step.reduce(0) { $0 + segments[$1].rowCount }
                guard rowCount >= Limits.rollupStepRowCount || position == segments.count - 1 else { continue }
                if idleWork.shouldYield { return }
                try writer.add(executor.rollupGroups(ofSegments: step), on: pool)
                step = []
            }
            if idleWork.shouldYield { return }
            let time = UInt64(Date.now.timeIntervalSince1970 * 1000)
            let name = "groups-\(live.map(\.id).max()!)-\(String(time, radix: 36)).rollup"
            let file = try writer.write(
                directory: folders.rollups, name: name, leaving: options.reserve, on: pool)
            let isPublished = try catalog.publishRollup(
                fileName: name, byteCount: file.byteCount, checksum: file.checksum, covering: live.map(\.id))
            if isPublished { publish() } else { idleWork.signalChange() }
            try removeUnnamedRollups()
        } catch {
            // Segments that were removed meanwhile are not a fault: the next run uses the current ones.
            if let live = try? catalog.liveSegments().map(\.id), live != looked { return idleWork.signalChange() }
            options.logger.warning("The rollup could not be built", metadata: ["error": "\(error)"])
        }
    }

    /// Opens a rollup, unless it is open; nil if that fails, since a lost one only costs time.
    func openRollup(_ named: Catalog.Rollup) -> (id: Int64, reader: GroupRollup)? {
        if let known = state.withLock({ $0.rollup }), known.id == named.id { return known }
        do throws(TripstoreError) {
            return (named.id, try GroupRollup(path: "\(folders.rollups)/\(named.fileName)", checksum: named.checksum))
        } catch {
            options.logger.warning("The rollup cannot be used", metadata: ["why": "\(error.message)"])
            return nil
        }
    }

    /// Records that a rollup was truncated while in use, and starts building another; meanwhile trips are counted without it.
    func replaceRollup(_ rollup: GroupRollup) {
        guard rollup.isReplaced.withLock({ isReplaced in exchange(&isReplaced, with: true) }) == false else { return }
        options.logger.error(
            "The rollup was truncated while it was in use and will be rebuilt", metadata: ["file": "\(rollup.path)"])
        idleWork.signalChange()
    }

    func removeUnnamedRollups() throws(TripstoreError) {
        let named = try catalog.rollup()?.fileName
        for name in try folders.rollupFiles().own where name != named { sweep(folders.rollupPath(name)) }
    }
}
