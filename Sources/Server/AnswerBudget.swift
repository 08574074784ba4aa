import NIOCore
import Synchronization
import TripModel

/// How many bytes of large answers are in memory at a time: clients that read slowly, or ask all at once, must not add up.
///
/// One answer has a bound of its own (`Limits`), and those being made have the threads' number for one; this is about those
/// on their way out.
final class AnswerBudget: Sendable {
    private let byteCountMax: Int
    private let byteCount = Atomic<Int>(0)

    init(byteCountMax: Int = ServerLimits.answersByteCountMax) { self.byteCountMax = byteCountMax }

    /// Takes an answer in, or throws if there are too many.
    func admit(_ text: String) throws(ColumnStoreError) -> AdmittedAnswer {
        let bytes = ByteBuffer(string: text)
        guard bytes.readableBytes >= ServerLimits.largeAnswerByteCount else { return AdmittedAnswer(bytes: bytes, place: nil) }
        let sum = byteCount.add(bytes.readableBytes, ordering: .relaxed).newValue
        let place = AdmittedAnswer.Place(budget: self, byteCount: bytes.readableBytes)
        guard sum <= byteCountMax else {
            throw ColumnStoreError(
                .overloaded,
                "Answers of \(byteCountMax >> 20) MiB are on their way to clients already; try again in a moment, or ask for less at a "
                    + "time ('limit').")
        }
        return AdmittedAnswer(bytes: bytes, place: place)
    }

    fileprivate func release(_ count: Int) { byteCount.subtract(count, ordering: .relaxed) }
}

/// An answer that has a place in the budget until it is sent or let go of.
struct AdmittedAnswer: Sendable {
    final class Place: Sendable {
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
    let place: Place?
}
