import Bucketing
import ColumnStore
import TestSupport
import Testing
import TripModel

/// The kernel for eight rows against `MortonKey` and `ISOWeek`, which have tests of their own.
@Suite(.timeLimit(.minutes(10)))
struct SortKeysTests {
    private static let longitudes: [Double] = [
        -180, 180, -0.0, 0, 1e-300, -1e-300, .leastNonzeroMagnitude, .nan, -.nan, .infinity, -.infinity, 200, -200,
        180.0.nextDown, (-180.0).nextUp, 90, -90,
    ]

    /// Numbers anywhere on the axis, on borders of cells and beside them.
    private static func degrees(_ end: Double, _ count: Int, _ generator: inout SeededGenerator) -> [Double] {
        (0..<count).map { _ in
            let cell = Double(generator.next() >> 34)
            let border = cell * (end / 0x1p29) - end
            switch generator.next() % 6 {
            case 0: return border
            case 1: return border.nextUp
            case 2: return border.nextDown
            case 3: return Double(bitPattern: generator.next())
            default: return Double(generator.next() >> 11) / 0x1p53 * 2 * end - end
            }
        }
    }

    @Test("Keys are those of the slow way, whatever the numbers and however many", .enabled(if: SortKeys.hasKernel))
    func keys() {
        var generator = SeededGenerator(seed: 41)
        var longitudes = Self.longitudes + Self.degrees(180, 20_000, &generator)
        var latitudes = Self.longitudes.reversed() + Self.degrees(90, 20_000, &generator)
        for count in [0, 1, 7, 8, 9, 31, longitudes.count] {
            let some = SortKeys.keys(
                longitude: longitudes.span.extracting(first: count), latitude: latitudes.span.extracting(first: count),
                withKernel: true)
            #expect(some == (0..<count).map { MortonKey.key(longitude: longitudes[$0], latitude: latitudes[$0]) })
        }
        swap(&longitudes, &latitudes)
        #expect(
            SortKeys.keys(longitude: longitudes.span, latitude: latitudes.span, withKernel: true)
                == SortKeys.keys(longitude: longitudes.span, latitude: latitudes.span, withKernel: false))
    }

    @Test("Weeks are those of the slow way from the year 1 to 9999, at their borders too", .enabled(if: SortKeys.hasKernel))
    func weeks() {
        var generator = SeededGenerator(seed: 42)
        let first = LocalDateTime.microsecondsPerDay * Int64(CivilDate.daysSince1970(year: 1, month: 1, day: 1))
        let end = LocalDateTime.microsecondsPerDay * Int64(CivilDate.daysSince1970(year: 10_000, month: 1, day: 1))
        var times = [first, end - 1, 0, -1, 1]
        for _ in 0..<20_000 {
            let time = first + Int64(generator.next() % UInt64(end - first))
            let start = max(first + 1, ISOWeek(microseconds: time).startMicroseconds)
            times += [time, start, start - 1, start + 1]
        }
        let rows = times.map {
            TripRow(
                originLongitude: Double($0 % 180), originLatitude: Double($0 % 90), destinationLongitude: 0,
                destinationLatitude: 0, time: $0, region: 0, datasource: 0)
        }
        for count in [1, 8, 255, 257, rows.count] {
            let (quick, slow) = (written(rows, count, withKernel: true), written(rows, count, withKernel: false))
            #expect(quick.weeks == slow.weeks)
            #expect(quick.keys == slow.keys)
        }
    }

    private func written(_ rows: [TripRow], _ count: Int, withKernel: Bool) -> (weeks: [Int32], keys: [UInt64]) {
        var weeks = [Int32](repeating: -1, count: count)
        var keys = [UInt64](repeating: .max, count: count)
        var weekSpan = weeks.mutableSpan
        var keySpan = keys.mutableSpan
        rows.withUnsafeBufferPointer {
            SortKeys.write($0.baseAddress!, weeks: &weekSpan, keys: &keySpan, withKernel: withKernel)
        }
        return (weeks, keys)
    }
}
