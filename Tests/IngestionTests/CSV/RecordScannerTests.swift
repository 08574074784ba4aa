import Ingestion
import Testing
import TripModel

/// Where records start and end, and which lines are none: RFC 4180, and our rules for what it leaves open.
@Suite(.timeLimit(.minutes(10)))
struct RecordScannerTests {
    /// A text, what regions its trips have, and its rejected rows as `line: reason: text`.
    ///
    /// `…` stands for the rest of a row after its region, `'` for a quote.
    struct Case: Sendable {
        var text: String
        var regions: [String] = []
        var rejects: [String] = []
    }

    /// Columns are `note`, which may hold anything, and the usual ones.
    private static func check(_ test: Case) throws {
        func full(_ text: String) -> String { text.replacing("…", with: CSVLayout.usualRest).replacing("'", with: "\"") }
        let header = try CSVLayout("note,\(CSVLayout.usualText)")
        let records = Array(full(test.text).utf8)
        let decoding = FastDecoding.everyWay(records, header: header)
        #expect(decoding.regions == test.regions.map(full))
        #expect(decoding.rejectLines == test.rejects.map(full))
        let newlines = records.count { $0 == UInt8(ascii: "\n") }
        #expect(decoding.lineCount == newlines + (records.isEmpty || records.last == UInt8(ascii: "\n") ? 0 : 1))
        // The reference and any chunking agree.
        CSVDecoderPropertyTests.check(records, header: header, seed: 1)
    }

    @Test(
        "Lines end with a newline, with or without a carriage return, and the last one may do without",
        arguments: [
            Case(text: ""), Case(text: "n,A…\n", regions: ["A"]), Case(text: "n,A…", regions: ["A"]),
            Case(text: "n,A…\r\n", regions: ["A"]),
            Case(text: "n,A…\r", regions: ["A"]), Case(text: "n,A…\nn,B…\r\nn,C…\nn,D…", regions: ["A", "B", "C", "D"]),
            Case(text: "n,'A'…\r\n'','B'…\r", regions: ["A", "B"]),
            // A carriage return elsewhere is text.
            Case(text: "n\rm,A…\n", regions: ["A"]), Case(text: "\r,A…\n", regions: ["A"]),
            Case(text: "n,A\r…\n", rejects: ["1: region has a control character: n,A\r…"]),
            Case(text: "n,A…\r\r\n", rejects: ["1: datasource has a control character: n,A…\r"]),
            Case(text: "n,A…\rn,B…\n", rejects: ["1: more fields than the header: n,A…\rn,B…"]),
        ])
    func lineEnds(test: Case) throws { try Self.check(test) }

    @Test(
        "Lines without text are not rows but count as lines",
        arguments: [
            Case(text: "\n"), Case(text: "\r\n"), Case(text: "\r"), Case(text: "\n\n\r\n\n"),
            Case(
                text: "\nn,A…\n\n\r\nn,B…\n\nn,bad\n", regions: ["A", "B"],
                rejects: ["7: fewer fields than the header: n,bad"]),
            Case(text: "n,A…\n\n", regions: ["A"]), Case(text: " \n", rejects: ["1: fewer fields than the header:  "]),
            Case(text: "''\n", rejects: ["1: fewer fields than the header: ''"]),
            Case(text: ",,,,,\n", rejects: ["1: region is empty: ,,,,,"]),
        ])
    func blankLines(test: Case) throws { try Self.check(test) }

    @Test(
        "A line has the header's number of fields",
        arguments: [
            Case(text: "n\n", rejects: ["1: fewer fields than the header: n"]),
            Case(text: ",,,,\n", rejects: ["1: fewer fields than the header: ,,,,"]),
            Case(text: ",,,,,,\n", rejects: ["1: more fields than the header: ,,,,,,"]),
            Case(text: "A…\nn,B…\n", regions: ["B"], rejects: ["1: fewer fields than the header: A…"]),
            Case(text: "n,A…,\nn,B…\n", regions: ["B"], rejects: ["1: more fields than the header: n,A…,"]),
            Case(text: "n,A…,'x'\nn,B…\n", regions: ["B"], rejects: ["1: more fields than the header: n,A…,'x'"]),
            Case(text: "'n,A'…\nn,B…\n", regions: ["B"], rejects: ["1: fewer fields than the header: 'n,A'…"]),
            // Two lines that are too short do not make a row.
            Case(
                text: "n,A,POINT (1 2)\nPOINT (1 2),2018-05-28 09:03:40,car\nn,B…\n", regions: ["B"],
                rejects: [
                    "1: fewer fields than the header: n,A,POINT (1 2)",
                    "2: fewer fields than the header: POINT (1 2),2018-05-28 09:03:40,car",
                ]),
            Case(
                text: "a\nb\nc\nd\ne\nf\n",
                rejects: ["a", "b", "c", "d", "e", "f"].enumerated().map { "\($0 + 1): fewer fields than the header: \($1)" }),
        ])
    func fieldCounts(test: Case) throws { try Self.check(test) }

    @Test(
        "Quotes around a field hold commas, newlines and doubled quotes together",
        arguments: [
            Case(text: "'n','A'…\n", regions: ["A"]), Case(text: "'','A'…\n", regions: ["A"]),
            Case(text: "'n','A, B'…\n", regions: ["A, B"]),
            Case(text: "n,'the ''A'''…\n", regions: ["the 'A'"]), Case(text: "n,''''…\n", regions: ["'"]),
            Case(text: "n,''''''…\n", regions: ["''"]), Case(text: "n,''','''…\n", regions: ["','"]),
            Case(text: "'\n',A…\nn,bad\n", regions: ["A"], rejects: ["3: fewer fields than the header: n,bad"]),
            Case(
                text: "'a\nb\r\nc',A…\r\n'\n\n\n',B…\nn,bad", regions: ["A", "B"],
                rejects: ["8: fewer fields than the header: n,bad"]),
            Case(text: "'''\n''',A…\n", regions: ["A"]), Case(text: "'a\n,,,,,,,',A…\n", regions: ["A"]),
            Case(text: "'\nn,X…\n',A…\nn,B…\n", regions: ["A", "B"]), Case(text: "'n\n',A…", regions: ["A"]),
            Case(text: "n,'A\nB'…\nn,C…\n", regions: ["C"], rejects: ["1: region has a control character: n,'A\nB'…"]),
            Case(
                text: "'\n\n',''…\nn\n",
                rejects: ["1: region is empty: '\n\n',''…", "4: fewer fields than the header: n"]),
        ])
    func quotes(test: Case) throws { try Self.check(test) }

    @Test(
        "A stray quote costs its line and nothing else",
        arguments: [
            Case(text: "n',A…\nn,B…\n", regions: ["B"], rejects: ["1: quote inside an unquoted field: n',A…"]),
            Case(text: "n,A''…\nn,B…\n", regions: ["B"], rejects: ["1: quote inside an unquoted field: n,A''…"]),
            Case(text: "n, 'A'…\nn,B…\n", regions: ["B"], rejects: ["1: quote inside an unquoted field: n, 'A'…"]),
            Case(text: "'n'x,A…\nn,B…\n", regions: ["B"], rejects: ["1: text after a closing quote: 'n'x,A…"]),
            Case(text: "'n' ,A…\nn,B…\n", regions: ["B"], rejects: ["1: text after a closing quote: 'n' ,A…"]),
            Case(text: "'n'\r,A…\nn,B…\n", regions: ["B"], rejects: ["1: text after a closing quote: 'n'\r,A…"]),
            Case(text: "n,'A…\nn,B…\n", regions: ["B"], rejects: ["1: unterminated quote: n,'A…"]),
            Case(text: "'n,A…\n\nn,B…\n", regions: ["B"], rejects: ["1: unterminated quote: 'n,A…"]),
            Case(text: "n,B…\nn,'A…", regions: ["B"], rejects: ["2: unterminated quote: n,'A…"]),
            Case(text: "n,B…\nn,A,'", regions: ["B"], rejects: ["2: unterminated quote: n,A,'"]),
            // The next quote closes it, but what is between them is then no row.
            Case(text: "'n,A…\nn,B…\nn,'C'…\nn,D…\n", regions: ["B", "C", "D"], rejects: ["1: unterminated quote: 'n,A…"]),
            Case(text: "'n,A…\n'm',B…\nn,C…\n", regions: ["B", "C"], rejects: ["1: unterminated quote: 'n,A…"]),
            Case(
                text: "'n\nm'x,A…\nn,B…\n", regions: ["B"],
                rejects: [
                    "1: unterminated quote: 'n", "2: quote inside an unquoted field: m'x,A…",
                ]),
            Case(text: "'\nn,B…", regions: ["B"], rejects: ["1: unterminated quote: '"]),
            // On a later line of a record it costs the record up to the end of that line.
            Case(
                text: "'n\nm',A,'x'y\nn,B…\n", regions: ["B"],
                rejects: ["1: text after a closing quote: 'n\nm',A,'x'y"]),
            Case(
                text: "'n\r\nm',A,b'c\r\nn,B…\n", regions: ["B"],
                rejects: ["1: quote inside an unquoted field: 'n\r\nm',A,b'c"]),
            Case(
                text: "'\nn,X…\n','open\r\nn,B…\n", regions: ["B"], rejects: ["1: unterminated quote: '\nn,X…\n','open"]),
            Case(
                text: "'\nn,X…\n','open\nn,B…\nn,C'x\n", regions: ["B"],
                rejects: ["1: unterminated quote: '\nn,X…\n','open", "5: quote inside an unquoted field: n,C'x"]),
            Case(text: "'\nn,X…\n','open", rejects: ["1: unterminated quote: '\nn,X…\n','open"]),
            Case(text: "'\nn,X…\n',a'b", rejects: ["1: quote inside an unquoted field: '\nn,X…\n',a'b"]),
        ])
    func strayQuotes(test: Case) throws { try Self.check(test) }

    @Test(
        "A record with well-formed quotes is one row, good or bad: no text in them becomes a row",
        arguments: [
            Case(text: "'\nn,X…\n'\nn,B…\n", regions: ["B"], rejects: ["1: fewer fields than the header: '\nn,X…\n'"]),
            Case(
                text: "'\nn,X…\n',A…,more\nn,B…\n", regions: ["B"],
                rejects: ["1: more fields than the header: '\nn,X…\n',A…,more"]),
            Case(text: "'n\nm',A\nn,B…\n", regions: ["B"], rejects: ["1: fewer fields than the header: 'n\nm',A"]),
            Case(
                text: "'\r\n',A…,x\r\nn,B…\n", regions: ["B"], rejects: ["1: more fields than the header: '\r\n',A…,x"]),
            Case(
                text: "'\nn,X…\n',,…,'\nn,Y…\n'\nn,B…\n", regions: ["B"],
                rejects: ["1: more fields than the header: '\nn,X…\n',,…,'\nn,Y…\n'"]),
            Case(
                text: "'\nn,X…\n',A,POINT (1 2),POINT (1 2),soon,car\nn,B…\n", regions: ["B"],
                rejects: ["1: datetime is not a date and time: '\nn,X…\n',A,POINT (1 2),POINT (1 2),soon,car"]),
            Case(
                text: "'\n'\n'\n'\n'\nn,B…", regions: ["B"],
                rejects: [
                    "1: fewer fields than the header: '\n'", "3: fewer fields than the header: '\n'",
                    "5: unterminated quote: '",
                ]),
        ])
    func wholeRecords(test: Case) throws { try Self.check(test) }

    @Test(
        "A record over several lines may have 2 MiB; if it has more, its quote was a stray one", arguments: [-1, 0, 1],
        ["\n", "\r\n"])
    func longest(excess: Int, lineEnd: String) throws {
        let header = try CSVLayout("note,\(CSVLayout.usualText)")
        let rest = "\",A\(CSVLayout.usualRest)"
        let fill = String(repeating: "y", count: Limits.recordByteCountMax + excess - 3 - rest.utf8.count)
        let records = Array("\"x\n\(fill)\(rest)\(lineEnd)n,B\(CSVLayout.usualRest)\n".utf8)
        for isLast in [false, true] {
            let records = isLast ? Array(records.dropLast("n,B\(CSVLayout.usualRest)\n".utf8.count)) : records
            let decoding = FastDecoding.everyWay(records, header: header, blockByteCounts: [64 << 10])
            let last = isLast ? [] : ["B"]
            #expect(decoding.regions == (excess > 0 ? last : ["A"] + last))
            #expect(decoding.rejects.map(\.line) == (excess > 0 ? [1, 2] : []))
            #expect(decoding.rejects.map(\.reason).first == (excess > 0 ? RejectReason.unterminatedQuote.rawValue : nil))
            #expect(decoding.lineCount == (isLast ? 2 : 3))
        }
    }
}
