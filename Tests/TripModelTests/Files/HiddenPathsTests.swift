import Testing
import TripModel

@Suite(.timeLimit(.minutes(10)))
struct HiddenPathsTests {
    @Test(
        "A file of the store is shown by its path in the store, any other by its name, and nothing else changes",
        arguments: [
            ("Cannot create /srv/my data/uploads/x.csv: No space left.", "Cannot create uploads/x.csv: No space left."),
            ("Cannot open /home/me/t.csv: Permission denied; check.", "Cannot open t.csv: Permission denied; check."),
            ("5 are free in /srv/my data; free some.", "5 are free in the store's folder; free some."),
            ("The segment /srv/my data/segments/a.parquet.", "The segment segments/a.parquet."),
            ("unable to open [/var/lib/a.db] (path=/var/lib/a.db)", "unable to open [a.db] (path=a.db)"),
            ("Cannot read:/tmp/u/a.csv", "Cannot read:a.csv"),
            ("The file '/etc/ssl/ca.pem', which", "The file 'ca.pem', which"),
            (
                "Gave up on https://host/a/b.csv: 3 km/h or GET /jobs.",
                "Gave up on https://host/a/b.csv: 3 km/h or GET /jobs."
            ),
            ("s3://bucket/a/b is gone.", "s3://bucket/a/b is gone."), ("a // b / c", "a // b / c"), ("", ""), ("/", "/"),
            (
                "{\"message\":\"Cannot read /srv/my data/uploads/a\",\"id\":1}",
                "{\"message\":\"Cannot read uploads/a\",\"id\":1}"
            ),
        ])
    func removed(sentence: String, shown: String) {
        #expect(HiddenPaths("/srv/my data").removed(from: sentence) == shown)
    }
}
