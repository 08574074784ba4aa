import Foundation

/// A condition that a test waited for in vain.
package struct NotInTime: Error, CustomStringConvertible {
    package let description: String
}

/// Blocks until a condition holds; throws `NotInTime` after two minutes.
///
/// A suite's time limit reports a thread that is blocked, but cannot end it.
///
/// - Parameter pause: microseconds from one look to the next.
package func waitUntil(
    pause: UInt32 = 1000, fileID: String = #fileID, line: Int = #line, _ condition: () throws -> Bool
) throws {
    let end = ContinuousClock.now + .seconds(120)
    while try !condition() {
        guard ContinuousClock.now < end else {
            throw NotInTime(description: "What \(fileID):\(line) waits for did not happen within two minutes.")
        }
        usleep(pause)
    }
}
