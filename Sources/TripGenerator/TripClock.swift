import Bucketing

/// When trips begin: 52 weeks from Monday 2018-01-01, each hour with as many trips as its weight.
///
/// Row `i` of `n` is at `i / n` of the year's summed weight, so times ascend, any row's time follows from its index alone, and
/// everything is integer arithmetic. Products stay below 2^63 up to `rowCountMax` rows.
struct TripClock: Sendable {
    /// First day, in days since 1970-01-01.
    static let firstDay = CivilDate.daysSince1970(year: 2018, month: 1, day: 1)
    static let hourCount = 52 * 7 * 24
    /// More than anyone will write: thirteen terabytes.
    static let rowCountMax = 100_000_000_000

    /// Weights of the hours of a working day, of a Saturday and of a Sunday.
    private static let workday = [6, 4, 3, 3, 5, 14, 38, 78, 92, 60, 42, 40, 46, 45, 44, 52, 74, 96, 84, 56, 38, 28, 20, 12]
    private static let saturday = [18, 14, 10, 7, 5, 6, 9, 14, 24, 36, 46, 52, 54, 52, 50, 48, 48, 50, 50, 46, 40, 36, 34, 28]
    private static let sunday = [24, 20, 15, 10, 6, 5, 6, 9, 15, 26, 36, 42, 44, 44, 44, 42, 40, 38, 34, 28, 22, 17, 12, 8]
    /// Weights of the days from Monday on, in hundredths.
    private static let days = [96, 100, 102, 104, 110, 92, 78]

    /// Summed weights of the hours before each, and of all at the end.
    private let sums: [Int]
    private let rowCount: Int

    init(rowCount: Int) {
        self.rowCount = max(rowCount, 1)
        var sum = 0
        var sums = [0]
        for hour in 0..<Self.hourCount {
            sum += Self.weight(ofHour: hour)
            sums.append(sum)
        }
        self.sums = sums
    }

    /// Summer and Christmas are quiet, spring and autumn are not.
    private static func weight(ofHour hour: Int) -> Int {
        let (week, day) = (hour / 168, hour / 24 % 7)
        let season =
            switch week {
            case 0, 51: 62
            case 27...34: 80 - abs(week - 31) % 4
            default: 94 + (week * 7 + 3) % 13
            }
        let profile = day == 5 ? saturday : (day == 6 ? sunday : workday)
        return profile[hour % 24] * days[day] * season / 100
    }

    /// Returns the hour since the start that has a row.
    func hour(ofRow row: Int) -> Int {
        // The last hour whose sum isn't beyond the row; hours have weight, so sums ascend.
        var (low, high) = (0, Self.hourCount)
        while high - low > 1 {
            let middle = (low + high) / 2
            if isReached(middle, byRow: row) { low = middle } else { high = middle }
        }
        return low
    }

    /// Returns whether a row is at or after the start of an hour; the end of the last hour is never reached.
    func isReached(_ hour: Int, byRow row: Int) -> Bool {
        sums[hour] * rowCount <= row * sums[Self.hourCount]
    }

    /// Returns the second of the hour that has a row.
    func second(ofRow row: Int, inHour hour: Int) -> Int {
        let weight = sums[hour + 1] - sums[hour]
        let progress = row * sums[Self.hourCount] - sums[hour] * rowCount
        return progress * 3600 / (weight * rowCount)
    }

    /// Returns the hour's common text, such as `2018-05-28 09:`.
    static func text(ofHour hour: Int) -> String {
        let (day, hourOfDay) = hour.quotientAndRemainder(dividingBy: 24)
        return "\(CivilDate(daysSince1970: firstDay + day).text) \(hourOfDay < 10 ? "0" : "")\(hourOfDay):"
    }
}
