import Ingestion
import Testing
import TripModel

/// What is said of a job's pace, as far as it does not depend on a clock.
@Suite(.timeLimit(.minutes(10)))
struct ProgressMeterTests {
    private static func job(_ status: Job.Status, rows: Int, bytes: Int, of total: Int?) -> Job {
        Job(
            id: 7, filename: "a.csv", status: status, createdAt: "", updatedAt: "", totalRows: nil, processedRows: rows,
            rejectedRows: 1, totalBytes: total, processedBytes: bytes, message: "m")
    }

    @Test(
        "The time left is known of a running job with a size that has read something in this attempt",
        arguments: [
            (Job.Status.running, 60, 100, true), (.running, 50, 100, false), (.running, 60, nil, false),
            (.pending, 60, 100, false),
            (.completed, 100, 100, true), (.failed, 60, 100, false), (.running, 100, 100, true), (.running, 120, 100, true),
        ] as [(Job.Status, Int, Int?, Bool)])
    func timeLeft(status: Job.Status, bytes: Int, total: Int?, isKnown: Bool) {
        // An earlier attempt has read 50 bytes.
        let meter = ProgressMeter(processedRows: 5, processedBytes: 50)
        let progress = meter.progress(of: Self.job(status, rows: 6, bytes: bytes, of: total))
        #expect((progress.etaSeconds != nil) == isKnown)
        if let total, bytes >= total { #expect(progress.etaSeconds == 0) }
        #expect(progress.jobID == 7 && progress.status == status && progress.message == "m")
        #expect(progress.processedRows == 6 && progress.rejectedRows == 1 && progress.processedBytes == bytes)
    }

    @Test("Rows of earlier attempts are not counted in the rate")
    func rate() {
        let meter = ProgressMeter(processedRows: 1_000_000, processedBytes: 0)
        #expect(meter.progress(of: Self.job(.running, rows: 1_000_000, bytes: 1, of: 1)).rowsPerSecond == 0)
        #expect(meter.progress(of: Self.job(.running, rows: 1_000_001_000, bytes: 1, of: 1)).rowsPerSecond > 0)
    }

    @Test("The first event is due")
    func firstEvent() {
        var meter = ProgressMeter(processedRows: 0, processedBytes: 0)
        let isDue = meter.isDue()
        #expect(isDue)
    }
}
