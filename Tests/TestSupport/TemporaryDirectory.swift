import Foundation

/// A folder of one test, gone with it.
package final class TemporaryDirectory: Sendable {
    package let path: String

    /// Makes an empty folder.
    package init() {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("tripstore-test-\(UUID().uuidString)").path
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
