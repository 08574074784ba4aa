import ColumnStore
import Testing

/// Uploads of failed jobs go by age and by quota, oldest first.
struct KeptUploadsTests {
    @Test(
        "The oldest go, until the others are young and fit; the newest stays whatever its size",
        arguments: [
            (now: 100, seconds: 1000, bytes: 1000, gone: []), (100, 60, 1000, [1, 2]), (100, 1000, 60, [1]),
            (100, 1000, 0, [1, 2, 3]), (100, 0, 1000, [1, 2, 3, 4]), (10, 0, 1000, [1]), (100, 75, 10, [1, 2, 3]),
        ] as [(now: Double, seconds: Int, bytes: Int, gone: [Int64])])
    func overdue(test: (now: Double, seconds: Int, bytes: Int, gone: [Int64])) {
        var kept = KeptUploads()
        // In another order than they failed in, as a catalog lists them.
        for (id, since) in [(2, 20.0), (4, 90.0), (1, 10.0), (3, 80.0)] as [(Int64, Double)] {
            kept.add(id, byteCount: 20, since: since)
        }
        let taken = kept.takeOverdue(at: test.now, secondsMax: test.seconds, byteCountMax: test.bytes)
        #expect(taken.map(\.id) == test.gone)
        #expect(kept.takeOverdue(at: test.now, secondsMax: test.seconds, byteCountMax: test.bytes).isEmpty)
    }

    @Test("A job that waits again is not among them")
    func resumed() {
        var kept = KeptUploads()
        kept.add(1, byteCount: 20, since: 10)
        kept.add(1, byteCount: 30, since: 40)
        kept.remove(1)
        #expect(kept.takeOverdue(at: 100, secondsMax: 0, byteCountMax: 0).isEmpty)
    }
}
