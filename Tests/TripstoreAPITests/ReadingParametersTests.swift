import Testing
import TripModel
import TripstoreAPI

/// Reading options from named values, as every entrance gets them.
@Suite(.timeLimit(.minutes(10)))
struct ReadingParametersTests {
    typealias Pairs = [(name: String, value: String)]

    @Test func allOptionsArrive() throws {
        let parameters = try ReadingParameters([
            ("map", "time=Start"), ("map", "origin=P"), ("time_zone", "Europe/Oslo"), ("profile", "city-bike"),
        ])
        #expect(parameters.options.map == [.time: "Start", .origin: "P"] && parameters.options.timeZone == "Europe/Oslo")
        #expect(parameters.profile == "city-bike")
        #expect(try ReadingParameters([]).options.isEmpty)
    }

    @Test(
        "What is wrong is said with the name that the client used",
        arguments: [
            (
                [("region", "a"), ("region", "b")], "Parameter 'region' is given twice; give it once.",
                "--region is given twice; give it once."
            ),
            (
                [("date_order", "x")], "Parameter 'date_order' must be month-first or day-first, not 'x'.",
                "--date-order must be month-first or day-first, not 'x'."
            ),
            (
                [("encoding", "")], "Parameter 'encoding' is empty; give it a value or leave it out.",
                "--encoding is empty; give it a value or leave it out."
            ),
            (
                [("time_zone", "Europe/Olso")],
                "Parameter 'time_zone' must be the name of a time zone such as Europe/Oslo, UTC or as-written, and the time zone database of "
                    + "this machine has no 'Europe/Olso'; check the spelling, or install the package tzdata.",
                "--time-zone must be the name of a time zone such as Europe/Oslo, UTC or as-written, and the time zone database of this "
                    + "machine has no 'Europe/Olso'; check the spelling, or install the package tzdata."
            ),
        ] as [(Pairs, String, String)])
    func refusals(pairs: Pairs, named: String, flagged: String) {
        for (spelling, sentence) in [(ParameterSpelling.names, named), (.flags, flagged)] {
            let error = #expect(throws: TripstoreError.self) { try ReadingParameters(pairs, spelling: spelling) }
            #expect(error?.code == .invalidArgument && error?.message == sentence)
        }
    }

    @Test func aNameOfNoProfileIsRefused() {
        #expect(throws: TripstoreError.self) { try ReadingParameters([("profile", "a/b")]) }
    }

    @Test("A job shows what is known of how its file is read, and nothing of what is not")
    func jobs() {
        var job = Job(
            id: 1, filename: "a.csv", status: .failed, createdAt: "", updatedAt: "", totalRows: nil, processedRows: 0,
            rejectedRows: 0,
            totalBytes: 1, processedBytes: 0, message: nil)
        #expect(job.json.hasSuffix(#""message":null}"#))
        job.reading.format = ReadingOptions(json: #"{"map":["time=T"],"header":"none"}"#)
        job.reading.notes = [JobNote(kind: "null_island", trips: 2, text: "2 trips are at 0,0.")]
        job.reading.question = JobQuestion(option: "map", column: nil, example: "x", choices: ["a", "b"])
        #expect(
            job.json.hasSuffix(
                #""message":null,"format":{"map":["time=T"],"header":"none"},"#
                    + #""notes":[{"kind":"null_island","trips":2,"text":"2 trips are at 0,0."}],"#
                    + #""question":{"option":"map","column":null,"example":"x","choices":["a","b"]}}"#))
    }

    @Test func profilesAreShownWithTheirOptions() throws {
        let options = try #require(ReadingOptions(json: #"{"time_zone":"UTC"}"#))
        let profile = ReadingProfile(name: "p", options: options, updatedAt: "2026-01-02T03:04:05.678Z")
        #expect(profile.json == #"{"name":"p","options":{"time_zone":"UTC"},"updated_at":"2026-01-02T03:04:05.678Z"}"#)
        #expect([profile].json == #"{"profiles":[\#(profile.json)]}"# && [ReadingProfile]().json == #"{"profiles":[]}"#)
    }
}
