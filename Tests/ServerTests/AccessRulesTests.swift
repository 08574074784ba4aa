import Server
import Testing
import TripModel

@Suite(.timeLimit(.minutes(10)))
struct AccessRulesTests {
    @Test(arguments: [
        ("127.0.0.1", [], false), ("localhost", [], false), ("::1", [], false), ("127.8.9.10", [], false),
        ("0.0.0.0", [], true),
        ("::", [], true), ("192.168.1.5", [], true), ("trips.example.com", [], true), ("127.0.0.1", ["*"], true),
        ("0.0.0.0", ["trips.example.com"], false),
        ("0.0.0.0", ["*.example.com", "[::1]", "fe80::1", "10.0.0.1", "a_b"], false),
        ("127.0.0.1", ["Trips.Example.com."], false),
    ])
    func answersAnyHostOnlyWhereNobodySaysWhich(address: String, allowed: [String], expected: Bool) throws {
        let rules = try AccessRules(listeningOn: address, allowedHosts: allowed, allowedOrigins: [])
        #expect(rules.answersAnyHost == expected)
    }

    @Test(arguments: [
        "", "a b", "localhost:8000", "http://localhost", "*.", "a*.example", "a/b", "me@host", "é.example", "\u{212a}.example",
        "a..b", "a..", ".a", "[::1",
    ])
    func refusesWhatIsNoHost(text: String) {
        let error = #expect(throws: TripstoreError.self) {
            try AccessRules(listeningOn: "127.0.0.1", allowedHosts: [text], allowedOrigins: [])
        }
        #expect(error?.message.contains("'\(text)' is not a host that can be allowed") == true)
    }

    @Test(arguments: ["", "*", "null", "localhost", "http://", "http://a/b", "http://a b", "http://a:x", "://a", "http://me@a"])
    func refusesWhatIsNoOrigin(text: String) {
        let error = #expect(throws: TripstoreError.self) {
            try AccessRules(listeningOn: "127.0.0.1", allowedHosts: [], allowedOrigins: [text])
        }
        #expect(error?.message.contains("'\(text)' is not the origin of a web page") == true)
    }
}
