import Fetching
import Testing
import TripModel

@Suite(.timeLimit(.minutes(10)))
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
            ("http://hóst/x", "http://xn--hst-gna/x"), ("http://BÜCHER.example/", "http://xn--bcher-kva.example/"),
            ("http://h\u{2044}x/", nil), ("http://１２７.0.0.1/", "http://127.0.0.1/"), ("http://host/100%", "http://host/100%"),
            ("http://host/a?s=%2B%c3%A9|[", "http://host/a?s=%2B%c3%A9%7C%5B"), ("http://a\\@b/x", nil), ("ftp://host/x", nil),
            ("file:///etc/passwd", nil), ("x.csv", nil),
            ("http:/host/x", nil), ("", nil), ("http://host/\nx", nil),
        ] as [(String, String?)])
    func urls(text: String, url: String?) {
        #expect((try? WebAddress(text))?.url == url)
    }

    @Test(
        "A refusal does not show what may be a secret",
        arguments: [
            "http://user:secret@host/x", "ftp://host/x?key=secret", "http://user:a/secret@host/x", "http://user:secret%@host",
            "http://ho st/?secret", "user:secret@host", "http://host:port?secret", "http://[::1/?secret",
        ])
    func secrets(text: String) {
        let error = #expect(throws: TripstoreError.self) { try WebAddress(text) }
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

    /// https://www.rfc-editor.org/rfc/rfc3986#section-5.4, but for references that name no file, and with the base over http.
    @Test(
        "References are resolved as RFC 3986 has them",
        arguments: [
            ("g", "/b/c/g"), ("./g", "/b/c/g"), ("g/", "/b/c/g/"), ("/g", "/g"), ("?y", "/b/c/d;p?y"), ("g?y", "/b/c/g?y"),
            ("#s", "/b/c/d;p?q"), ("g#s", "/b/c/g"), ("g?y#s", "/b/c/g?y"), (";x", "/b/c/;x"), ("g;x", "/b/c/g;x"),
            ("g;x?y#s", "/b/c/g;x?y"), ("", "/b/c/d;p?q"), (".", "/b/c/"), ("./", "/b/c/"), ("..", "/b/"), ("../", "/b/"),
            ("../g", "/b/g"), ("../..", "/"), ("../../", "/"), ("../../g", "/g"), ("../../../g", "/g"), ("../../../../g", "/g"),
            ("/./g", "/g"), ("/../g", "/g"), ("g.", "/b/c/g."), (".g", "/b/c/.g"), ("g..", "/b/c/g.."), ("..g", "/b/c/..g"),
            ("./../g", "/b/g"), ("./g/.", "/b/c/g/"), ("g/./h", "/b/c/g/h"), ("g/../h", "/b/c/h"),
            ("g;x=1/./y", "/b/c/g;x=1/y"),
            ("g;x=1/../y", "/b/c/y"), ("g?y/./x", "/b/c/g?y/./x"), ("g?y/../x", "/b/c/g?y/../x"), ("g#s/../x", "/b/c/g"),
            ("%2e%2E/g", "/b/g"), ("g//h", "/b/c/g//h"), ("./a:b", "/b/c/a:b"), ("?", "/b/c/d;p?"),
        ])
    func references(location: String, target: String) throws {
        let base = try WebAddress("http://a/b/c/d;p?q")
        #expect(try base.redirected(to: location).url == "http://a" + target)
    }

    @Test(
        "What is encoded in a redirect stays as it is, and what must be is",
        arguments: [
            ("https://h/a?sig=x%2By%2F|z", "https://h/a?sig=x%2By%2F%7Cz"), ("https://h/a?sig=%2B[", "https://h/a?sig=%2B%5B"),
            ("https://h/é?sig=%2B%3d", "https://h/%C3%A9?sig=%2B%3d"), ("https://h/a b?s=%2B c", "https://h/a%20b?s=%2B%20c"),
            ("/é/%2B|?s=%2b+", "https://base/%C3%A9/%2B%7C?s=%2b+"), ("//other/%2B{}", "https://other/%2B%7B%7D"),
            ("?s=%2B^", "https://base/x?s=%2B%5E"), (" /a\t", "https://base/a"), ("HTTPS://H:443/%41", "https://h/%41"),
            ("https://h?s=%2B", "https://h/?s=%2B"), ("https://h/100%?s=%", "https://h/100%?s=%"),
            ("https://bücher.example/%2B|", "https://xn--bcher-kva.example/%2B%7C"), ("a\\b", "https://base/a%5Cb"),
        ])
    func encodings(location: String, url: String) throws {
        #expect(try WebAddress("https://base/x?y=z").redirected(to: location).url == url)
    }

    @Test(
        "A redirect that programs read differently, or that leads to no host over HTTP, is refused without its secrets",
        arguments: [
            "\\\\other\\secret", "/\\other/secret", "http:secret", "http:/secret", "https:\\\\other\\secret",
            "javascript:secret",
            "data:,secret", "https://user:secret@other/", "https:///secret", "https://h\u{fffd}/?secret", "/\u{fffd}?secret",
            "https://h:99999/secret", "ftp://h/secret", "//u:secret@h/", "mailto:secret@h", "https://%68/secret",
            "/a\u{1}?secret",
        ])
    func refusedRedirects(location: String) throws {
        let base = try WebAddress("https://base/x")
        let error = #expect(throws: TripstoreError.self) { try base.redirected(to: location) }
        #expect(error?.message.contains("secret") == false, "\(error?.message ?? "")")
        #expect(error?.message.contains("https://base/x redirects to") == true && error?.message.hasSuffix(".") == true)
    }

    @Test(
        "What may be a secret is kept apart, but for keys of S3, which have none",
        arguments: [
            ("https://h/t.csv?sig=x#y", "https://h/t.csv", "?sig=x#y"), ("https://h/t.csv#a?b", "https://h/t.csv", "#a?b"),
            ("https://h/t.csv", "https://h/t.csv", ""), ("s3://bucket/a?b#c.csv", "s3://bucket/a?b#c.csv", ""),
        ])
    func parts(url: String, place: String, secret: String) {
        let parts = HTTPFetcher(options: FetcherOptions()).parts(of: url)
        #expect(parts.place == place && parts.secret == secret)
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
        let error = #expect(throws: TripstoreError.self) { try HTTPFetcher(options: FetcherOptions()).filename(of: url) }
        #expect(error?.code == .invalidArgument)
    }
}
