import NIOCore
import Synchronization
import TripModel

/// Limits the bytes of large answers in memory, so that clients that read slowly or send queries all at once do not add up.
///
/// Each answer has a limit of its own (`Limits`), and the count of threads limits those being computed; this is for those in
/// transit.
final class AnswerBudget: Sendable {
    private let byteCountMax: Int
    private let byteCount = Atomic<Int>(0)

    init(byteCountMax: Int = ServerLimits.answersByteCountMax) { self.byteCountMax = byteCountMax }

    /// Admits an answer, or throws if there are too many.
    func admit(_ text: String) throws(TripstoreError) -> AdmittedAnswer {
        let bytes = ByteBuffer(string: text)
        guard bytes.readableBytes >= ServerLimits.largeAnswerByteCount else {
            return AdmittedAnswer(bytes: bytes, reservation: nil)
        }
        let sum = byteCount.add(bytes.readableBytes, ordering: .relaxed).newValue
        let reservation = AdmittedAnswer.Reservation(budget: self, byteCount: bytes.readableBytes)
        guard sum <= byteCountMax else {
            throw TripstoreError(
                .overloaded,
                "Answers of \(byteCountMax >> 20) MiB are being sent to clients already; try again in a moment, or request less at a "
                    + "time ('limit').")
        }
        return AdmittedAnswer(bytes: bytes, reservation: reservation)
    }

    fileprivate func release(_ count: Int) { byteCount.subtract(count, ordering: .relaxed) }
}

/// An answer that counts in the budget until it is sent or released.
struct AdmittedAnswer: Sendable {
    final class Reservation: Sendable {
        private let budget: AnswerBudget
        private let byteCount: Int

        fileprivate init(budget: AnswerBudget, byteCount: Int) {
            self.budget = budget
            self.byteCount = byteCount
        }

        deinit { budget.release(byteCount) }
    }

    let bytes: ByteBuffer
    /// Nil for a small one.
    let reservation: Reservation?
}
