import Events
import Fetching
import Foundation
import Testing
import TripModel

/// Where events go, what they say and how they are signed.
@Suite(.timeLimit(.minutes(10)))
struct EventsTests {
    @Test(arguments: ["http://127.0.0.1:9/hook?x=1", "https://example.org", "sns:arn:aws:sns:eu-west-1:123456789012:trips"])
    func reads(text: String) throws {
        switch try EventsURL(text) {
        case .webhook(let address): #expect(address.url.hasPrefix(text))
        case .topic(let arn, let region): #expect("sns:" + arn == text && region == "eu-west-1")
        }
    }

    @Test(arguments: [
        "", "ftp://host/", "sns:", "sns:arn:aws:sqs:eu-west-1:1:trips", "sns:arn:aws:sns::1:trips",
        "sns:arn:aws:sns:eu-west-1:1:",
        "arn:aws:sns:eu-west-1:1:trips", "https://user@host/",
    ])
    func refuses(text: String) {
        let error = #expect(throws: TripstoreError.self) { try EventsURL(text) }
        #expect(error?.code == .invalidArgument)
    }

    @Test("An event has the members that CloudEvents 1.0 demands, and the job as its data")
    func members() throws {
        let event = CloudEvent(
            JobEvent(
                id: 7, job: 3, status: "completed", time: "2026-11-26T22:05:46.123Z",
                body: #"{"id":3,"filename":"a \"b\".csv"}"#),
            store: "abc")
        #expect(event.id == "abc-7")
        let members = try #require(try JSONSerialization.jsonObject(with: Data(event.body.utf8)) as? [String: Any])
        #expect(members["specversion"] as? String == "1.0" && members["id"] as? String == "abc-7")
        #expect(members["source"] as? String == "/tripstore/abc" && members["type"] as? String == "tripstore.job.completed")
        #expect(members["subject"] as? String == "jobs/3" && members["time"] as? String == "2026-11-26T22:05:46.123Z")
        #expect(members["datacontenttype"] as? String == "application/json")
        let data = try #require(members["data"] as? [String: Any])
        #expect(data["id"] as? Int == 3 && data["filename"] as? String == #"a "b".csv"#)
    }

    @Test("The signature is the one of the example in Standard Webhooks' own libraries")
    func signature() {
        // https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/python/tests/test_webhooks.py
        let headers = WebhookSignature(secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").headers(
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek", body: #"{"test": 2432232314}"#, at: Date(timeIntervalSince1970: 1_614_265_330))
        #expect(headers.map(\.name) == ["webhook-id", "webhook-timestamp", "webhook-signature"])
        #expect(headers.map(\.value)[2] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }
}
