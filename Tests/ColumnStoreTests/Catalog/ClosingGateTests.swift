import ColumnStore
import Dispatch
import TestSupport
import Testing

/// A catalog may be closed under those who look at it, as Ctrl-C does to a command whose load has just ended.
struct ClosingGateTests {
    /// Found: one in some thousand commands that were interrupted died of a bad pointer, having said all.
    @Test("Who reads while the store is closed gets a value or is told so")
    func closesUnderReaders() throws {
        for _ in 0..<60 {
            let folder = TemporaryDirectory()
            let store = try StoreFolder(folder.path + "/store", access: .readWrite)
            DispatchQueue.concurrentPerform(iterations: 4) { index in
                if index == 0 { return store.close() }
                while true {
                    do throws(ColumnStoreError) { _ = try store.catalog.jobs(limit: 1, status: nil) } catch {
                        #expect(error.code == .conflict)
                        return
                    }
                }
            }
            store.close()
        }
    }
}
