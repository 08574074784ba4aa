import ColumnStore
import Dispatch
import Foundation
import TestSupport
import Testing
import TripModel

/// A catalog may be closed under those who look at it, as Ctrl-C does to a command whose load has just ended.
@Suite(.timeLimit(.minutes(10)))
struct ClosingGateTests {
    /// Found: one in some thousand commands that were interrupted died of a bad pointer, having said all.
    @Test("A reader gets a value or an error while the store is being closed")
    func closesUnderReaders() throws {
        for round in 0..<100 {
            let folder = TemporaryDirectory()
            let store = try StoreFolder(folder.path + "/store", access: .readWrite)
            let readers = DispatchGroup()
            for _ in 0..<6 {
                DispatchQueue.global().async(group: readers) {
                    while true {
                        do throws(TripstoreError) { _ = try store.catalog.job(1) } catch {
                            #expect(error.code == .conflict)
                            return
                        }
                    }
                }
            }
            usleep(UInt32(round * 50))
            store.close()
            readers.wait()
        }
    }
}
