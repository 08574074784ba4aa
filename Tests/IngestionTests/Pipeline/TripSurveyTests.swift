import Bucketing
import Ingestion
import TestSupport
import Testing
import TripModel

/// What a job counts of its trips for its notes, and what stands out of it.
@Suite(.timeLimit(.minutes(10)))
struct TripSurveyTests {
    private static let week = 7 * LocalDateTime.microsecondsPerDay
    private static let monday = LocalDateTime.microseconds(parsing: "2019-05-13T00:00:00")!

    private static func trip(
        _ origin: (Double, Double) = (10.5, 59.5), _ destination: (Double, Double) = (10.75, 59.25), time: Int64 = monday
    ) -> TripRow {
        TripRow(
            originLongitude: origin.0, originLatitude: origin.1, destinationLongitude: destination.0,
            destinationLatitude: destination.1, time: time, region: 0, datasource: 0)
    }

    // MARK: Counts

    /// The same by dictionaries, a row at a time.
    private static func reference(_ rows: [TripRow]) -> TripSurvey {
        var survey = TripSurvey()
        survey.tripCount = rows.count
        for row in rows {
            survey.weeks?[ISOWeek(microseconds: row.time).index, default: 0] += 1
            let isOpen = row.destinationLatitude.isNaN
            if isOpen { survey.openCount += 1 }
            if row.originLongitude == 0 && row.originLatitude == 0
                || row.destinationLongitude == 0 && row.destinationLatitude == 0
            {
                survey.nullIslandCount += 1
                continue
            }
            func cell(_ longitude: Double, _ latitude: Double) -> Int32 {
                Int32(min((latitude + 90) / 2, 89)) * 180 + Int32(min((longitude + 180) / 2, 179))
            }
            let origin = cell(row.originLongitude, row.originLatitude)
            let destination = isOpen ? origin : cell(row.destinationLongitude, row.destinationLatitude)
            survey.pairs?[origin << 16 | destination, default: 0] += 1
        }
        return survey
    }

    private static func randomRows(_ count: Int, _ random: inout SeededGenerator) -> [TripRow] {
        let spread = [0.5, 20, 400].randomElement(using: &random)!
        let weeks = [1, 30, 400].randomElement(using: &random)!
        func place() -> (Double, Double) {
            switch Int.random(in: 0..<20, using: &random) {
            case 0: (0, 0)
            case 1: ([-180, 180].randomElement(using: &random)!, [-90, 90].randomElement(using: &random)!)
            case 2: (0, 51.5)
            default:
                (
                    max(-180, min(180, 10 + Double.random(in: -spread...spread, using: &random))),
                    max(-90, min(90, 59 + Double.random(in: -spread...spread, using: &random)))
                )
            }
        }
        return (0..<count).map { _ in
            let destination = Int.random(in: 0..<15, using: &random) == 0 ? (Double.nan, Double.nan) : place()
            return trip(place(), destination, time: monday + Int64.random(in: -week...week * Int64(weeks), using: &random))
        }
    }

    @Test("A survey is what a row at a time counts, in whatever parts, also after it was stored")
    func reference() {
        for seed in UInt64(1)...60 {
            var random = SeededGenerator(seed: seed)
            let rows = Self.randomRows(Int.random(in: 0...900, using: &random), &random)
            let expected = Self.reference(rows)
            #expect(TripSurvey(rows.span) == expected, "seed \(seed)")
            var sum = TripSurvey()
            var start = 0
            while start < rows.count {
                let end = min(rows.count, start + Int.random(in: 1...200, using: &random))
                sum.add(TripSurvey(Array(rows[start..<end]).span))
                sum = TripSurvey(json: sum.json) ?? TripSurvey()
                start = end
            }
            #expect(sum == expected, "seed \(seed)")
        }
        #expect(TripSurvey(json: "{}") == nil && TripSurvey(json: "") == nil)
    }

    @Test("Trips in too many weeks or places are no longer counted by them, and nothing stands out; the size is bounded")
    func bounds() {
        var survey = TripSurvey()
        for part in 0..<50 {
            let rows = (0..<100).map { number in
                let index = part * 100 + number
                let place = (Double(index % 90) * 2 - 179, Double(index / 90) * 2 - 89)
                return Self.trip(place, place, time: Int64(index) * 5 * Self.week)
            }
            survey.add(TripSurvey(rows.span))
            #expect(survey.json.utf8.count < 120_000)
        }
        #expect(survey.weeks == nil && survey.pairs == nil && survey.tripCount == 5000)
        #expect(survey.strayWeeks == nil && survey.farAway == nil)
        #expect(TripSurvey(json: survey.json) == survey)
    }

    // MARK: Odd trips

    @Test("A few trips weeks away from the rest stand out; two seasons and a gap of weeks do not")
    func strayWeeks() throws {
        func survey(_ weeks: [(Int64, Int)]) -> TripSurvey {
            TripSurvey(
                weeks.flatMap { index, count in
                    (0..<count).map { Self.trip(time: Self.monday + index * Self.week + Int64($0)) }
                }.span)
        }
        let stray = try #require(survey([(0, 100), (1, 90), (2, 110), (-540, 1), (60, 3)]).strayWeeks)
        #expect(stray.weeks.map(\.week.text) == ["2009-W02", "2020-W28"] && stray.weeks.map(\.trips) == [1, 3])
        #expect((stray.tripCount, stray.spanCount, stray.usualSpanCount) == (4, 601, 3))
        #expect(survey([(0, 100), (1, 90), (-540, 1)]).strayWeeks?.tripCount == 1)
        for usual in [
            [(0, 100)], [], [(0, 100), (4, 1)], [(0, 100), (52, 90)], [(0, 20), (40, 2)], [(0, 1), (100, 1)],
            [(0, 1000), (100, 30), (200, 30), (300, 30)],
        ] as [[(Int64, Int)]] {
            #expect(survey(usual).strayWeeks == nil, "\(usual)")
        }
    }

    @Test("A few trips far from the rest stand out, and exchanged axes are named; many cities do not")
    func farAway() throws {
        let oslo = Self.trip()
        func survey(_ rows: [TripRow]) -> TripSurvey { TripSurvey(rows.span) }
        let usual = Array(repeating: oslo, count: 100)
        let exchanged = Array(repeating: Self.trip((59.5, 10.5), (59.25, 10.75)), count: 6)
        let far = try #require(survey(usual + exchanged).farAway)
        #expect(far.tripCount == 6 && far.isExchanged && far.center == (59, 11) && far.usualCenter == (11, 59))
        let oneEnd = try #require(survey(usual + [Self.trip((10.5, 59.5), (-74, 40.7))]).farAway)
        #expect(oneEnd.tripCount == 1 && !oneEnd.isExchanged && oneEnd.center == (-73, 41))
        // Across the antimeridian is near.
        let fiji = Array(repeating: Self.trip((179.5, -17), (178.5, -17)), count: 50)
        #expect(survey(fiji + [Self.trip((-179.5, -17), (-179, -17))]).farAway == nil)
        for usual in [
            usual, [], usual + [Self.trip((0, 0), (0, 0))], usual + [Self.trip((18.5, 59.5), (18.5, 59.5))],
            usual + Array(repeating: Self.trip((-74, 40.7), (-74, 40.7)), count: 30), [oslo, exchanged[0]],
        ] {
            #expect(survey(usual).farAway == nil)
        }
    }
}
