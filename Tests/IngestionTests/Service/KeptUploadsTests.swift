import Ingestion
import Testing

/// Uploads of failed jobs go by age and by quota, oldest first.
@Suite(.timeLimit(.minutes(10)))
struct KeptUploadsTests {
    private struct Case {
        var now: Double
        var seconds: Int
        var bytes: Int
        var gone: [Int64]
    }

    private static let cases = [
        Case(now: 100, seconds: 1000, bytes: 1000, gone: []), Case(now: 100, seconds: 60, bytes: 1000, gone: [1, 2]),
        Case(now: 100, seconds: 1000, bytes: 60, gone: [1]), Case(now: 100, seconds: 1000, bytes: 0, gone: [1, 2, 3]),
        Case(now: 100, seconds: 0, bytes: 1000, gone: [1, 2, 3, 4]), Case(now: 10, seconds: 0, bytes: 1000, gone: [1]),
        Case(now: 100, seconds: 75, bytes: 10, gone: [1, 2, 3]),
    ]

    @Test("The oldest go, until the others are young and fit; the newest stays whatever its size")
    func overdue() {
        for test in Self.cases {
            var kept = KeptUploads()
            // In another order than they failed in, as a catalog lists them.
            kept.add(2, byteCount: 20, since: 20)
            kept.add(4, byteCount: 20, since: 90)
            kept.add(1, byteCount: 20, since: 10)
            kept.add(3, byteCount: 20, since: 80)
            let taken = kept.takeOverdue(at: test.now, secondsMax: test.seconds, byteCountMax: test.bytes)
            #expect(taken.map { $0.id } == test.gone)
            let again = kept.takeOverdue(at: test.now, secondsMax: test.seconds, byteCountMax: test.bytes)
            #expect(again.isEmpty)
        }
    }

    @Test("A job that waits again is not among them")
    func resumed() {
        var kept = KeptUploads()
        kept.add(1, byteCount: 20, since: 10)
        kept.add(1, byteCount: 30, since: 40)
        kept.remove(1)
        let taken = kept.takeOverdue(at: 100, secondsMax: 0, byteCountMax: 0)
        #expect(taken.isEmpty)
    }
}
