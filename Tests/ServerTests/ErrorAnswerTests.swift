import HTTPTypes
import NIOCore
import Server
import Testing
import TripModel

@Suite(.timeLimit(.minutes(10)))
struct ErrorAnswerTests {
    private struct Unexpected: Error {}

    @Test(arguments: [
        (TripstoreError.Code.invalidArgument, 400), (.badInput, 400), (.notFound, 404), (.conflict, 409), (.cancelled, 409),
        (.busy, 503), (.corrupt, 500), (.io, 500), (.internalFault, 500),
    ])
    func showsTheSentenceOfTheStore(code: TripstoreError.Code, status: Int) {
        let answer = ErrorAnswer(TripstoreError(code, "A sentence."))
        #expect(answer.status.code == status)
        #expect(answer.detail == "A sentence.")
        #expect((answer.headers[.retryAfter] != nil) == (status == 503))
    }

    @Test func keepsStatusAndFieldsOfAnHTTPError() {
        let answer = ErrorAnswer(HTTPError(.methodNotAllowed, headers: [.allow: "GET"], message: "No."))
        #expect(answer.status == .methodNotAllowed)
        #expect(answer.detail == "No.")
        #expect(answer.headers[.allow] == "GET")
        #expect(ErrorAnswer(HTTPError(.contentTooLarge)).detail == "The request failed: Content Too Large.")
        #expect(ErrorAnswer(NIOTooManyBytesError(maxBytes: 1)).status == .contentTooLarge)
    }

    @Test func tellsNothingOfOurOwnFaults() {
        let answer = ErrorAnswer(Unexpected())
        #expect(answer.status == .internalServerError)
        #expect(answer.detail == "The server failed to answer this request; its log says why.")
    }
}
