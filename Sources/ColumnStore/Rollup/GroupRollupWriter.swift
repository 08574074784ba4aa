import TripModel

/// Builds a rollup from another one and from groups that it does not have yet.
///
/// Groups are collected by region and kept sorted, so memory grows with the groups and not with the trips.
struct GroupRollupWriter: Sendable {
    /// Groups of one region, ascending by key.
    private struct Groups: Sendable {
        var keys: [UInt64] = []
        var counts: [UInt32] = []
    }

    private var regions: [ByteOrderedString: Groups] = [:]

    /// Starts with the groups of a rollup, or with none.
    init(startingWith rollup: GroupRollup?) {
        guard let rollup else { return }
        rollup.withGroups { keys, counts, _ in
            for region in rollup.regions {
                var copied = Groups()
                copied.keys = region.groups.map { keys[$0] }
                copied.counts = region.groups.map { counts[$0] }
                regions[ByteOrderedString(region.name)] = copied
            }
        }
    }

    /// Thrown if a group has more trips than four bytes can count.
    struct TooManyTrips: Error {}

    /// Adds the groups of some trips, by the name of their region; keys may repeat.
    mutating func add(_ added: [(region: String, groups: [(key: UInt64, trips: Int)])], on pool: WorkerPool) throws {
        let known = added.map { regions[ByteOrderedString($0.region)] ?? Groups() }
        let merged = try pool.map(count: added.count) { index in
            try Self.merge(known[index], added[index].groups.sorted { $0.key < $1.key })
        }
        for (index, groups) in merged.enumerated() { regions[ByteOrderedString(added[index].region)] = groups }
    }

    private static func merge(_ known: Groups, _ added: [(key: UInt64, trips: Int)]) throws -> Groups {
        var merged = Groups()
        merged.keys.reserveCapacity(known.keys.count + added.count)
        merged.counts.reserveCapacity(known.keys.count + added.count)
        func append(_ key: UInt64, _ trips: Int) throws {
            let isSame = merged.keys.last == key
            guard let count = UInt32(exactly: trips + (isSame ? Int(merged.counts.last!) : 0)) else { throw TooManyTrips() }
            if isSame {
                merged.counts[merged.counts.count - 1] = count
            } else {
                merged.keys.append(key)
                merged.counts.append(count)
            }
        }
        var (left, right) = (0, 0)
        while left < known.keys.count || right < added.count {
            if right == added.count || (left < known.keys.count && known.keys[left] <= added[right].key) {
                try append(known.keys[left], Int(known.counts[left]))
                left += 1
            } else {
                try append(added[right].key, added[right].trips)
                right += 1
            }
        }
        return merged
    }

    /// Returns the positions of groups: most trips first, then by key.
    private static func ranks(_ groups: Groups) -> [UInt32] {
        let counts = groups.counts
        return (0..<UInt32(counts.count)).sorted {
            counts[Int($0)] != counts[Int($1)] ? counts[Int($0)] > counts[Int($1)] : $0 < $1
        }
    }

    /// Writes the file; when this returns, the file survives a power cut under its name.
    func write(
        directory: String, name: String, leaving reserve: DiskReserve, on pool: WorkerPool
    ) throws -> (byteCount: Int, checksum: UInt32) {
        let ordered = regions.sorted { $0.key < $1.key }
        let ranks = try pool.map(count: ordered.count) { Self.ranks(ordered[$0].value) }
        var names = IndexByteWriter()
        names.append(ordered.count)
        var (groupCount, tripCount) = (0, 0)
        for (name, groups) in ordered {
            let trips = groups.counts.reduce(0) { $0 + Int($1) }
            names.append(name.string)
            names.append(groups.keys.count)
            names.append(trips)
            groupCount += groups.keys.count
            tripCount += trips
        }
        var header: [UInt8] = []
        func append<Number: FixedWidthInteger>(_ number: Number) {
            for shift in stride(from: 0, to: Number.bitWidth, by: 8) {
                header.append(UInt8(truncatingIfNeeded: number >> shift))
            }
        }
        append(GroupRollup.magic)
        append(GroupRollup.version)
        append(UInt32(names.bytes.count))
        append(UInt64(groupCount))
        append(UInt64(tripCount))
        header += names.bytes
        var file = try DurableFile(directory: directory, name: name, leaving: reserve)
        try file.writeAligned(header.span.bytes)
        for (_, groups) in ordered { try file.write(groups.keys.span.bytes) }
        for (_, groups) in ordered { try file.write(groups.counts.span.bytes) }
        try file.align()
        for region in ranks { try file.write(region.span.bytes) }
        try file.align()
        let written = (byteCount: file.byteCount, checksum: file.checksum)
        try file.commit()
        return written
    }
}

extension DurableFile {
    fileprivate mutating func writeAligned(_ bytes: RawSpan) throws(TripstoreError) {
        try write(bytes)
        try align()
    }

    /// Pads to a multiple of eight bytes.
    fileprivate mutating func align() throws(TripstoreError) {
        let filler = [UInt8](repeating: 0, count: GroupRollup.aligned(byteCount) - byteCount)
        try write(filler.span.bytes)
    }
}
