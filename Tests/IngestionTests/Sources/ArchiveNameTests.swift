import Ingestion
import Testing

/// What the name of a file in an archive promises.
@Suite(.timeLimit(.minutes(10)))
struct ArchiveNameTests {
    @Test(
        "Folders and what systems keep are hidden; CSV is told by its ending, in any case",
        arguments: [
            ("a.csv", false, true), ("b/A.CSV", false, true), ("a.csv.gz", false, true), ("a.tsv.bz2", false, true),
            ("a.csv.zip", false, false), ("__MACOSX/._a.csv", true, true), ("b/.hidden.csv", true, true),
            (".git/a.csv", true, true),
            ("b/", true, false), ("b\\", true, false), ("Thumbs.db", true, false), ("readme.txt", false, false),
            ("data.json", false, false), ("csv", false, false), ("", true, false),
        ])
    func kinds(name: String, isHidden: Bool, isOfCSV: Bool) {
        #expect(ArchiveName.isHidden(name) == isHidden)
        #expect(ArchiveName.isOfCSV(name) == isOfCSV)
    }

    @Test("If nothing ends as a CSV does, a text or a name without ending may be one, but not a readme")
    func maybe() {
        #expect(["trips.txt", "b/TRIPS.TXT", "trips"].allSatisfy(ArchiveName.mayBeOfCSV))
        #expect(!["readme.txt", "b/README.TXT", "a.json", "a.pdf"].contains(where: ArchiveName.mayBeOfCSV))
    }
}
