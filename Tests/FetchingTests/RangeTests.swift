import Fetching
import HTTPTransport
import Testing

/// What answers say of the parts that they have, and what is made of it.
@Suite(.timeLimit(.minutes(10)))
struct RangeTests {
    @Test(
        "Content-Range",
        arguments: [
            ("bytes 0-9/100", 0..<10, 100), ("bytes 5-5/6", 5..<6, 6), ("bytes 0-9/*", 0..<10, nil), ("bytes */100", nil, 100),
        ] as [(String, Range<Int>?, Int?)])
    func contentRange(text: String, bytes: Range<Int>?, total: Int?) throws {
        let range = try #require(ContentRange(HTTPHeaders([(name: "Content-Range", value: text)])))
        #expect(range.bytes == bytes)
        #expect(range.totalByteCount == total)
    }

    @Test(
        "A Content-Range that makes no sense is none",
        arguments: [
            "", "bytes", "items 0-9/100", "bytes 9-0/100", "bytes 0-100/100", "bytes -1-9/100", "bytes 0-9", "bytes 0-9/1/2",
            "bytes 0-9/99999999999999999999", "bytes a-b/c", "bytes 0x1-9/100",
        ])
    func nonsense(text: String) { #expect(ContentRange(HTTPHeaders([(name: "Content-Range", value: text)])) == nil) }

    private static let date = ("Date", "Sun, 06 Nov 1994 08:49:38 GMT")

    @Test(
        "Only what proves that a file is the same is taken as proof",
        arguments: [
            ([("ETag", "\"a\"")], "\"a\""), ([("ETag", "W/\"a\"")], nil), ([("ETag", "a")], nil),
            ([("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"), date], "Sun, 06 Nov 1994 08:49:37 GMT"),
            ([("Last-Modified", "Sun, 06 Nov 1994 08:49:38 GMT"), date], nil),
            ([("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")], nil), ([("Last-Modified", "yesterday"), date], nil),
            ([("ETag", "W/\"a\""), ("Last-Modified", "Sat, 05 Nov 1994 08:49:37 GMT"), date], "Sat, 05 Nov 1994 08:49:37 GMT"),
            ([], nil),
        ] as [([(String, String)], String?)])
    func validators(headers: [(String, String)], text: String?) {
        let validator = Validator(HTTPHeaders(headers.map { (name: $0.0, value: $0.1) }))
        #expect(validator?.text == text)
        if let validator {
            #expect(validator.matches(HTTPHeaders(headers.map { (name: $0.0, value: $0.1) })))
            #expect(!validator.matches(HTTPHeaders([(name: "ETag", value: "\"b\"")])))
        }
    }

    @Test("A ledger knows what is missing", arguments: [1, 7, 8, 9, 16, 17])
    func ledger(total: Int) throws {
        var ledger = PieceLedger(totalByteCount: total, pieceByteCount: 8)
        #expect(ledger.pieceCount == (total + 7) / 8)
        var missing = Set(0..<total)
        for piece in (0..<ledger.pieceCount).reversed() {
            while let range = ledger.missing(of: piece) {
                #expect(missing.isSuperset(of: range))
                let count = min(3, range.count)
                missing.subtract(range.prefix(count))
                ledger.receive(count, of: piece)
                #expect(ledger.receivedByteCount == total - missing.count)
            }
        }
        #expect(missing.isEmpty)
    }
}
