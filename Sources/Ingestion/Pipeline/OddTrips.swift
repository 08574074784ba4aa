package import Bucketing

/// Trips of a survey that are weeks, or half a continent, away from all others.
///
/// A group of weeks or cells without neighbors stands out if it is small beside the rest; a file of two seasons, or of cities all
/// over the world, has nothing that does.
extension TripSurvey {
    /// Weeks without trips between a week that stands out and the others.
    private static let emptyWeekCountMin = 4
    /// Cells of 2 degrees between a group of cells that stands out and the others.
    private static let emptyCellCountMin = 4
    /// Of all trips, those that can stand out: one in so many.
    private static let weekShare = 20
    private static let cellShare = 10
    /// Cells of a file whose groups are looked for.
    private static let cellCountMax = 1000

    /// Weeks that are away from the rest.
    package struct StrayWeeks {
        /// In their order, with their trips.
        package var weeks: [(week: ISOWeek, trips: Int)]
        package var tripCount: Int
        /// Calendar weeks from the first to the last trip: with these trips, and without.
        package var spanCount: Int
        package var usualSpanCount: Int
    }

    /// Returns the weeks that are away from the rest; nil if there are none.
    package var strayWeeks: StrayWeeks? {
        guard let weeks, weeks.count > 1 else { return nil }
        let sorted = weeks.sorted { $0.key < $1.key }
        var groups: [[(key: Int32, value: Int)]] = []
        for week in sorted {
            if let last = groups.last?.last, Int(week.key) - Int(last.key) <= Self.emptyWeekCountMin {
                groups[groups.count - 1].append(week)
            } else {
                groups.append([week])
            }
        }
        func trips(_ group: [(key: Int32, value: Int)]) -> Int { group.reduce(0) { $0 + $1.value } }
        let most = groups.map(trips).max() ?? 0
        let isStray = groups.map { trips($0) * Self.weekShare <= tripCount && trips($0) < most }
        let stray = zip(groups, isStray).filter(\.1).flatMap(\.0)
        let usual = zip(groups, isStray).filter { !$0.1 }.flatMap(\.0)
        let count = trips(stray)
        guard count > 0, count * Self.weekShare <= tripCount, let first = usual.first, let last = usual.last else { return nil }
        return StrayWeeks(
            weeks: stray.map { (week: ISOWeek(index: $0.key), trips: $0.value) }, tripCount: count,
            spanCount: Int(sorted[sorted.count - 1].key) - Int(sorted[0].key) + 1,
            usualSpanCount: Int(last.key) - Int(first.key) + 1)
    }

    /// Returns the trips of more than 8 degrees, if they are most of all; else nil.
    package var longTripCount: Int? {
        guard let pairs else { return nil }
        let count = pairs.reduce(0) { sum, pair in
            let (origin, destination) = Self.cells(ofPair: pair.key)
            let rows = abs(origin / Self.columnCount - destination / Self.columnCount)
            let columns = abs(origin % Self.columnCount - destination % Self.columnCount)
            return max(rows, min(columns, Self.columnCount - columns)) > Self.emptyCellCountMin ? sum + pair.value : sum
        }
        return count * 2 > tripCount ? count : nil
    }

    /// Trips with an end that is away from the rest.
    package struct FarAway {
        package var tripCount: Int
        /// The middle of the cell in which most of their ends are, and of that in which most of all are.
        package var center: (longitude: Int, latitude: Int)
        package var usualCenter: (longitude: Int, latitude: Int)
        /// Whether most of these ends would be near the others with longitude and latitude exchanged.
        package var isExchanged: Bool
    }

    /// Returns the trips with an end far from all others; nil if there are none.
    package var farAway: FarAway? {
        guard let pairs, pairs.count > 1 else { return nil }
        var ends: [Int: Int] = [:]
        for (key, count) in pairs {
            let (origin, destination) = Self.cells(ofPair: key)
            ends[origin, default: 0] += count
            if destination != origin { ends[destination, default: 0] += count }
        }
        guard ends.count <= Self.cellCountMax else { return nil }
        let total = ends.values.reduce(0, +)
        let groups = Self.groups(ends.keys.sorted())
        func weight(_ group: [Int]) -> Int { group.reduce(0) { $0 + ends[$1, default: 0] } }
        let most = groups.map(weight).max() ?? 0
        let far = Set(groups.filter { weight($0) * Self.cellShare <= total && weight($0) < most }.joined())
        let count = pairs.reduce(0) { sum, pair in
            let (origin, destination) = Self.cells(ofPair: pair.key)
            return far.contains(origin) || far.contains(destination) ? sum + pair.value : sum
        }
        guard count > 0, count * Self.cellShare <= tripCount,
            let middle = far.max(by: { (ends[$0, default: 0], $1) < (ends[$1, default: 0], $0) }),
            let usual = ends.keys.filter({ !far.contains($0) }).max(by: { (ends[$0]!, $1) < (ends[$1]!, $0) })
        else { return nil }
        let (center, usualCenter) = (Self.center(middle), Self.center(usual))
        return FarAway(
            tripCount: count, center: center, usualCenter: usualCenter,
            isExchanged: abs(center.latitude - usualCenter.longitude) <= 4 && abs(center.longitude - usualCenter.latitude) <= 4)
    }

    /// Degrees of the middle of a cell.
    private static func center(_ cell: Int) -> (longitude: Int, latitude: Int) {
        (cell % columnCount * 2 + 1 - 180, cell / columnCount * 2 + 1 - 90)
    }

    /// Groups cells that are near each other, directly or by others between them.
    private static func groups(_ cells: [Int]) -> [[Int]] {
        var groups: [[Int]] = []
        var rest = Set(cells)
        for cell in cells where rest.remove(cell) != nil {
            var group = [cell]
            var next = 0
            while next < group.count {
                let near = rest.filter { areNear(group[next], $0) }
                rest.subtract(near)
                group += near.sorted()
                next += 1
            }
            groups.append(group)
        }
        return groups
    }

    private static func areNear(_ a: Int, _ b: Int) -> Bool {
        let columns = abs(a % columnCount - b % columnCount)
        return min(columns, columnCount - columns) <= emptyCellCountMin
            && abs(a / columnCount - b / columnCount) <= emptyCellCountMin
    }
}
