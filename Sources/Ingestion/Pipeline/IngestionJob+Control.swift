import Foundation
import TripModel

extension IngestionJob {
    /// What the outside requests of a running job.
    package final class Control: @unchecked Sendable {
        package enum StopRequest: Sendable { case none, cancel, checkpoint }
        private let condition = NSCondition()
        private var request = StopRequest.none
        private var isStoreClosing = false

        package var stopRequest: StopRequest { condition.withLock { request } }

        /// Whether the store is being closed, whatever else was requested before.
        var isClosing: Bool { condition.withLock { isStoreClosing } }

        /// Waits for a while, or until the store is being closed.
        func waitUnlessClosing(_ pause: Duration) { wait(pause) { isStoreClosing } }

        /// Waits for a while, or until the job is to stop.
        package func wait(_ pause: Duration) { wait(pause) { request != .none } }

        private func wait(_ pause: Duration, until isOver: () -> Bool) {
            let end = Date(timeIntervalSinceNow: pause.inSeconds)
            condition.withLock { while !isOver(), condition.wait(until: end) {} }
        }

        /// Requests that the job stop; a request to cancel is not taken back by one to checkpoint.
        package func request(_ new: StopRequest) {
            condition.withLock {
                if new == .checkpoint { isStoreClosing = true }
                if request != .cancel { request = new }
                condition.broadcast()
            }
        }
    }
}
