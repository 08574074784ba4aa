import Testing
import TripModel

/// What a job keeps of a question, and the names of profiles.
@Suite(.timeLimit(.minutes(10)))
struct JobReadingTests {
    @Test("A question about a file that must not be quoted says nothing that the file has")
    func secret() {
        let question = FormatQuestion(option: "map", column: "secret", example: "secret", choices: ["secret"], reason: "Why.")
        #expect(
            JobQuestion(question, quotesFile: true)
                == JobQuestion(option: "map", column: "secret", example: "secret", choices: ["secret"]))
        #expect(JobQuestion(question, quotesFile: false) == JobQuestion(option: "map", column: nil, example: nil, choices: []))
        let order = FormatQuestion(
            option: "date_order", column: "secret", example: "secret", choices: ["day-first"], reason: "Why.")
        #expect(
            JobQuestion(order, quotesFile: false)
                == JobQuestion(option: "date_order", column: nil, example: nil, choices: ["day-first"]))
    }

    @Test("A name of a profile fits into a path and a command line")
    func names() throws {
        for name in ["citibike", "a", "TLC-2016.yellow_2", String(repeating: "x", count: 100)] {
            try ReadingProfile.requireName(name)
        }
        for name in ["", "-a", ".a", "a b", "ä", "a/b", String(repeating: "x", count: 101)] {
            #expect(throws: TripstoreError.self, "\(name)") { try ReadingProfile.requireName(name) }
        }
    }
}
