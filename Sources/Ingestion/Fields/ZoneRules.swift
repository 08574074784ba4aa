internal import Bucketing
import TripModel

/// When the clocks of a time zone differ from UTC, and by how much, from the system's time zone database.
///
/// Files of `TZif` version 1 to 4: RFC 9636; their last line is the rule for the years after the last listed transition (POSIX TZ).
package struct ZoneRules: Hashable, Sendable {
    package let name: String
    /// Seconds since 1970 from which each offset holds, ascending.
    private let starts: [Int64]
    /// Seconds east of UTC: before the first start, then from each start on.
    private let offsets: [Int32]

    /// Reads a zone's rules; nil if the database has no such zone.
    ///
    /// - Parameter name: an IANA name such as `Europe/Oslo`, or `UTC`.
    package init?(named name: String) {
        if name == "UTC" {
            self.init(name: name, starts: [], offsets: [0])
            return
        }
        guard let bytes = TimeZoneName.rules(of: name) else { return nil }
        self.init(name: name, parsing: bytes)
    }

    private init(name: String, starts: [Int64], offsets: [Int32]) {
        self.name = name
        self.starts = starts
        self.offsets = offsets
    }

    /// Returns the seconds by which local clocks are ahead of UTC at a moment.
    package func offset(atSecond second: Int64) -> Int {
        var (low, high) = (0, starts.count)
        while low < high {
            let middle = (low + high) / 2
            if starts[middle] <= second { low = middle + 1 } else { high = middle }
        }
        return Int(offsets[low])
    }

    // MARK: TZif

    init?(name: String, parsing bytes: [UInt8]) {
        var reader = TZifReader(bytes: bytes)
        guard let (starts, offsets, footer) = reader.read() else { return nil }
        var (allStarts, allOffsets) = (starts, offsets)
        if !footer.isEmpty {
            guard let rule = PosixRule(footer) else { return nil }
            // Trips are not older than the first cars, nor younger than this.
            let firstYear = starts.last.map { CivilDate(daysSince1970: Int($0 / 86_400)).year } ?? 1970
            for transition in rule.transitions(years: firstYear...2200) where transition.second > allStarts.last ?? .min {
                allStarts.append(transition.second)
                allOffsets.append(transition.offset)
            }
            if starts.isEmpty, allStarts.isEmpty { allOffsets = [rule.standard] }
        }
        self.init(name: name, starts: allStarts, offsets: allOffsets)
    }
}

/// Reads the newest block of a TZif file.
private struct TZifReader {
    let bytes: [UInt8]
    var position = 0

    mutating func read() -> (starts: [Int64], offsets: [Int32], footer: String)? {
        guard let first = header() else { return nil }
        if first.version == 0 { return block(first, timeByteCount: 4) }
        position += first.byteCount(timeByteCount: 4)
        guard let second = header() else { return nil }
        return block(second, timeByteCount: 8)
    }

    private struct Header {
        var version: UInt8
        var isUTCount, isStandardCount, leapCount, timeCount, typeCount, characterCount: Int

        func byteCount(timeByteCount: Int) -> Int {
            timeCount * (timeByteCount + 1) + typeCount * 6 + characterCount + leapCount * (timeByteCount + 4) + isStandardCount
                + isUTCount
        }
    }

    private mutating func header() -> Header? {
        guard bytes.count >= position + 44, Array(bytes[position..<position + 4]) == Array("TZif".utf8) else { return nil }
        let version = bytes[position + 4]
        position += 20
        let counts = (0..<6).map { _ in Int(integer(4)) }
        guard counts.allSatisfy({ (0..<100_000).contains($0) }) else { return nil }
        return Header(
            version: version, isUTCount: counts[0], isStandardCount: counts[1], leapCount: counts[2], timeCount: counts[3],
            typeCount: counts[4], characterCount: counts[5])
    }

    private mutating func integer(_ byteCount: Int) -> Int64 {
        var value = Int64(Int8(bitPattern: bytes[position]))
        for index in 1..<byteCount { value = value << 8 | Int64(bytes[position + index]) }
        position += byteCount
        return value
    }

    private mutating func block(_ header: Header, timeByteCount: Int) -> (starts: [Int64], offsets: [Int32], footer: String)? {
        let size = header.byteCount(timeByteCount: timeByteCount)
        guard bytes.count >= position + size, header.typeCount > 0 else { return nil }
        let end = position + size
        let starts = (0..<header.timeCount).map { _ in integer(timeByteCount) }
        let types = (0..<header.timeCount).map { _ -> Int in
            defer { position += 1 }
            return Int(bytes[position])
        }
        let typeOffsets = (0..<header.typeCount).map { _ -> Int32 in
            let offset = Int32(truncatingIfNeeded: integer(4))
            position += 2
            return offset
        }
        guard types.allSatisfy({ $0 < typeOffsets.count }), starts == starts.sorted() else { return nil }
        position = end
        var footer = ""
        if timeByteCount == 8, position < bytes.count, bytes[position] == UInt8(ascii: "\n") {
            footer = String(decoding: bytes[(position + 1)...].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        }
        return (starts, [typeOffsets[0]] + types.map { typeOffsets[$0] }, footer)
    }
}

/// A rule such as `CET-1CEST,M3.5.0,M10.5.0/3`: POSIX.1, chapter 8.3, with hours of -167 to 167.
private struct PosixRule {
    private(set) var standard: Int32 = 0
    private var summer: (offset: Int32, start: Day, end: Day)?

    private struct Day {
        enum Kind { case weekday(month: Int, week: Int, day: Int), julian(Int), zeroBased(Int) }
        var kind: Kind
        var secondOfDay: Int64 = 7200
    }

    init?(_ text: String) {
        var rest = text[...]
        guard Self.skipName(&rest), let offset = Self.clock(&rest) else { return nil }
        standard = -Int32(offset)
        if rest.isEmpty { return }
        guard Self.skipName(&rest) else { return nil }
        var summerOffset = standard + 3600
        if !rest.hasPrefix(","), let offset = Self.clock(&rest) { summerOffset = -Int32(offset) }
        guard let start = Self.day(&rest), let end = Self.day(&rest), rest.isEmpty else { return nil }
        summer = (summerOffset, start, end)
    }

    /// Returns the changes of some years, ascending.
    func transitions(years: ClosedRange<Int>) -> [(second: Int64, offset: Int32)] {
        guard let summer else { return [] }
        return years.flatMap { year in
            [
                (second(summer.start, year) - Int64(standard), summer.offset),
                (second(summer.end, year) - Int64(summer.offset), standard),
            ]
        }.sorted { $0.0 < $1.0 }
    }

    private func second(_ day: Day, _ year: Int) -> Int64 {
        let number: Int
        switch day.kind {
        case .weekday(let month, let week, let weekday):
            let first = CivilDate.daysSince1970(year: year, month: month, day: 1)
            // 1970-01-01 was a Thursday, the fourth day from Sunday.
            let firstWeekday = ((first + 4) % 7 + 7) % 7
            var date = 1 + (weekday - firstWeekday + 7) % 7 + (week - 1) * 7
            if date > CivilDate.daysInMonth(year: year, month: month) { date -= 7 }
            number = first + date - 1
        case .julian(let day):
            let isLeap = CivilDate.daysInMonth(year: year, month: 2) == 29
            number = CivilDate.daysSince1970(year: year, month: 1, day: 1) + day - 1 + (isLeap && day >= 60 ? 1 : 0)
        case .zeroBased(let day): number = CivilDate.daysSince1970(year: year, month: 1, day: 1) + day
        }
        return Int64(number) * 86_400 + day.secondOfDay
    }

    private static func skipName(_ rest: inout Substring) -> Bool {
        if rest.hasPrefix("<") {
            guard let end = rest.firstIndex(of: ">") else { return false }
            rest = rest[rest.index(after: end)...]
            return true
        }
        let name = rest.prefix { $0.isLetter }
        rest = rest[name.endIndex...]
        return name.count >= 3
    }

    /// Reads `[+-]h[:m[:s]]` as seconds.
    private static func clock(_ rest: inout Substring) -> Int? {
        var sign = 1
        if let first = rest.first, first == "+" || first == "-" {
            sign = first == "-" ? -1 : 1
            rest = rest.dropFirst()
        }
        let text = rest.prefix { $0.isNumber || $0 == ":" }
        let parts = text.split(separator: ":").map { Int($0) }
        guard (1...3).contains(parts.count), parts.allSatisfy({ $0 != nil && $0! < 168 }) else { return nil }
        rest = rest[text.endIndex...]
        let units = [3600, 60, 1]
        return sign * zip(parts, units).reduce(0) { $0 + ($1.0 ?? 0) * $1.1 }
    }

    /// Reads `,M3.5.0/2`, `,J60` or `,59`.
    private static func day(_ rest: inout Substring) -> Day? {
        guard rest.first == "," else { return nil }
        rest = rest.dropFirst()
        let text = rest.prefix { $0 != "/" && $0 != "," }
        rest = rest[text.endIndex...]
        var day: Day
        if text.first == "M" {
            let parts = text.dropFirst().split(separator: ".").compactMap { Int($0) }
            guard parts.count == 3, (1...12).contains(parts[0]), (1...5).contains(parts[1]), (0...6).contains(parts[2]) else {
                return nil
            }
            day = Day(kind: .weekday(month: parts[0], week: parts[1], day: parts[2]))
        } else if text.first == "J" {
            guard let number = Int(text.dropFirst()), (1...365).contains(number) else { return nil }
            day = Day(kind: .julian(number))
        } else {
            guard let number = Int(text), (0...365).contains(number) else { return nil }
            day = Day(kind: .zeroBased(number))
        }
        if rest.first == "/" {
            rest = rest.dropFirst()
            guard let clock = clock(&rest) else { return nil }
            day.secondOfDay = Int64(clock)
        }
        return day
    }
}
