import ColumnStore
import Fetching
import Testing

struct WebAddressTests {
    @Test(
        "A URL is taken apart and put together again",
        arguments: [
            ("http://host/trips.csv", "http://host/trips.csv"), ("HTTPS://Host.Example:443/a", "https://host.example/a"),
            ("http://host", "http://host/"), ("http://host:8080?x=1#part", "http://host:8080/?x=1"),
            ("http://host/a b", nil), ("http://host/ř.csv?q=[1]", "http://host/%C5%99.csv?q=%5B1%5D"),
            ("http://host/%20\\x", "http://host/%20%5Cx"), ("http://[::1]:90/x", "http://[::1]:90/x"), ("http://[::1/x", nil),
            ("http://[::1]x/", nil), ("http://host:0/", nil), ("http://host:65536/", nil), ("http://host:+80/", nil),
            ("http://user@host/x", nil), ("http://user:secret@host/x", nil), ("http://ho%73t/x", nil), ("http:///x", nil),
            ("http://hóst/x", nil), ("http://a\\@b/x", nil), ("ftp://host/x", nil), ("file:///etc/passwd", nil), ("x.csv", nil),
            ("http:/host/x", nil), ("", nil), ("http://host/\nx", nil),
        ] as [(String, String?)])
    func urls(text: String, url: String?) {
        #expect((try? WebAddress(text))?.url == url)
    }

    @Test("A refusal does not show what may be a secret", arguments: ["http://user:secret@host/x", "ftp://host/x?key=secret"])
    func secrets(text: String) {
        let error = #expect(throws: ColumnStoreError.self) { try WebAddress(text) }
        #expect(error?.message.contains("secret") == false)
    }

    @Test(
        "A redirect leads to where it says, and never from https to http",
        arguments: [
            ("http://host/a/b.csv", "/c.csv", "http://host/c.csv"), ("http://host/a/b.csv", "c.csv", "http://host/a/c.csv"),
            ("http://host/a", "https://other/x", "https://other/x"), ("http://host/a", "//other/x", "http://other/x"),
            ("https://host/a", "https://other/x", "https://other/x"), ("https://host/a", "http://host/a", nil),
            ("http://host/a", "file:///etc/passwd", nil), ("http://host/a", "ftp://host/a", nil),
            ("http://host/a", "http://user@host/a", nil), ("http://host/a", "s3://bucket/a", nil),
        ] as [(String, String, String?)])
    func redirects(from: String, location: String, to: String?) throws {
        let base = try WebAddress(from)
        #expect((try? base.redirected(to: location))?.url == to)
    }

    @Test(
        "The name of a file is the last part of its URL",
        arguments: [
            ("http://host/a/trips.csv?sig=x/y.gz", "trips.csv"), ("http://host/b%C5%99ezen%201.csv.gz", "březen 1.csv.gz"),
            ("http://host/..%2F..%2Fetc%2Fpasswd.csv", "passwd.csv"), ("http://host/", "host"),
            ("s3://bucket/2018/may.csv", "may.csv"), ("s3://bucket/a%20b.csv", "a%20b.csv"),
        ])
    func filenames(url: String, name: String) throws {
        var options = FetcherOptions()
        options.environment = [:]
        #expect(try HTTPFetcher(options: options).filename(of: url) == name)
    }

    @Test(
        "What is never fetched is refused at once",
        arguments: [
            "s3://bucket", "s3://bucket/", "s3:///key", "s3://UPPER/key", "s3://b@d/key.csv", "gopher://host/x",
            "http://127.0.0.1/x.csv",
            "http://[::1]/x.csv", "https://169.254.169.254/latest/meta-data", "http://10.0.0.1/x.csv",
            "http://[::ffff:10.0.0.1]/x",
        ])
    func refused(url: String) {
        let error = #expect(throws: ColumnStoreError.self) { try HTTPFetcher(options: FetcherOptions()).filename(of: url) }
        #expect(error?.code == .invalidArgument)
    }
}
