import Ingestion
import Testing
import TripModel

/// Which names an upload may have, and what is left of a path.
@Suite(.timeLimit(.minutes(10)))
struct UploadNameTests {
    @Test(
        "The last component of a client's path counts, and ends in a format that can be read",
        arguments: [
            ("trips.csv", "trips.csv"), ("TRIPS.CSV", "TRIPS.CSV"), ("trips.csv.gz", "trips.csv.gz"),
            ("a.Csv.ZST", "a.Csv.ZST"),
            ("C:\\data\\trips.csv", "trips.csv"), ("/etc/../x.csv", "x.csv"), ("a/b\\c.csv", "c.csv"), ("a.csv/", "a.csv"),
            (" .csv", " .csv"), ("a.csv.csv", "a.csv.csv"), ("březen 1.csv", "březen 1.csv"), (".a.csv", ".a.csv"),
            (String(repeating: "x", count: 251) + ".csv", String(repeating: "x", count: 251) + ".csv"),
            (String(repeating: "x", count: 252) + ".csv", nil), (String(repeating: "é", count: 126) + ".csv", nil),
            ("", nil), ("/", nil), ("csv", nil), (".csv", nil), (".csv.gz", nil), ("trips", nil), ("trips.txt", nil),
            ("trips.csv.bz2", "trips.csv.bz2"), ("2023.zip", "2023.zip"), ("a.TSV", "a.TSV"), (".zip", nil),
            ("trips.csv ", nil), ("trips.gz", nil), ("a\n.csv", nil), ("a\u{0}.csv", nil),
            ("a\u{7f}.csv", nil), ("a.csv/b", nil),
        ] as [(String, String?)])
    func names(name: String, expected: String?) {
        for isOfURL in [false, true] {
            do throws(TripstoreError) {
                let found = isOfURL ? try UploadName(ofURL: name) : try UploadName(name)
                #expect(found.text == expected)
            } catch {
                #expect(expected == nil && error.code == .invalidArgument, "\(name)")
                #expect(error.message.contains("'filename'") == isOfURL)
            }
        }
    }
}
