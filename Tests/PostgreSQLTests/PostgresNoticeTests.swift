import PostgreSQL
import TestSupport
import Testing
import TripModel

@Suite(.timeLimit(.minutes(10)))
struct PostgresNoticeTests {
    @Test("Progress comes out as it went in", arguments: 0..<100)
    func roundTrip(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let number = { Int.random(in: 0...(1 << 40), using: &random) }
        let progress = JobProgress(
            jobID: Int64(number()), status: Job.Status.allCases.randomElement(using: &random)!, processedRows: number(),
            totalRows: Bool.random(using: &random) ? number() : nil, rejectedRows: number(), processedBytes: number(),
            totalBytes: Bool.random(using: &random) ? number() : nil, rowsPerSecond: Double(number()),
            etaSeconds: Bool.random(using: &random) ? Double(number()) / 10 : nil,
            message: [nil, "Fetching: 3 MB", "a \"quoted\"\nline", "Žluťoučký kůň"].randomElement(using: &random)!)
        let payload = PostgresNotice.progress(progress).payload(from: "host:1:abc")
        #expect(PostgresNotice.reading(payload, by: "host:2:def") == .progress(progress), "seed \(seed)")
        #expect(PostgresNotice.reading(payload, by: "host:1:abc") == nil, "what a process says itself it does not hear")
    }

    @Test("A message that is too long for a notice is left out, and everything else is kept")
    func longMessage() {
        var progress = JobProgress(
            jobID: 7, status: .failed, processedRows: 1, totalRows: nil, rejectedRows: 0, processedBytes: 2, totalBytes: 3,
            rowsPerSecond: 0, etaSeconds: nil, message: String(repeating: "é", count: 5000))
        let payload = PostgresNotice.progress(progress).payload(from: "a")
        #expect(payload.utf8.count < 8000)
        progress.message = nil
        #expect(PostgresNotice.reading(payload, by: "b") == .progress(progress))
    }

    @Test("A change of a job is read as the trigger writes it")
    func changed() {
        #expect(PostgresNotice.reading("host:1:a changed 12", by: "b") == .changed(12))
    }

    @Test(
        "What makes no sense, as of a newer version, is passed over",
        arguments: [
            "", "a", "a changed", "a changed x", "a progress", "a progress {}", "a progress {\"job_id\":1,\"status\":\"odd\"}",
            "a progress [", "a other 1",
        ])
    func odd(payload: String) {
        #expect(PostgresNotice.reading(payload, by: "b") == nil)
    }
}
