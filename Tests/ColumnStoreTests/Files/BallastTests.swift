import ColumnStore
import Foundation
import TestSupport
import Testing
import TripModel

/// Disk space that is kept for the catalog, and given up once.
@Suite(.timeLimit(.minutes(10)))
struct BallastTests {
    private let folder = TemporaryDirectory()

    @Test("What was kept is given up once, and kept again")
    func released() {
        let ballast = Ballast(StoreLayout(root: folder.path))
        #expect(!ballast.release())
        for _ in 0..<2 {
            ballast.keep()
            ballast.keep()
            // A disk that is nearly full keeps none.
            let isKept = FileSystem.usedByteCount(of: ballast.path) ?? 0 > 0
            #expect(ballast.release() == isKept)
            #expect(!ballast.release() && FileSystem.byteCount(of: ballast.path) == nil)
        }
    }

    @Test("A file without contents gives no room", arguments: [(0, false), (1, true), (100_000, true)])
    func contents(byteCount: Int, isRoom: Bool) throws {
        let ballast = Ballast(StoreLayout(root: folder.path))
        try Data(repeating: 1, count: byteCount).write(to: URL(fileURLWithPath: ballast.path))
        #expect(ballast.release() == isRoom)
    }

    @Test("A folder that is absent is no error")
    func absent() {
        let ballast = Ballast(StoreLayout(root: folder.path + "/absent"))
        ballast.keep()
        #expect(!ballast.release())
    }
}
