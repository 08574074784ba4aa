import Testing
import TripModel

@Suite(.timeLimit(.minutes(10)))
struct ShownURLTests {
    @Test(
        "A URL is shown as scheme and host, of which it is sure",
        arguments: [
            ("postgresql://user:canary@host:5432/db", "postgresql://host/…"), ("https://host", "https://host"),
            ("clickhouse://host:8123/canary", "clickhouse://host/…"), ("https://host/canary?canary#canary", "https://host/…"),
            // Part of an unencoded password can look like the host, the port or the path.
            ("postgresql://user:canary/x@host/db", "postgresql://…"),
            ("postgresql://user:p@canary/x@host/db", "postgresql://…"),
            ("postgresql://user:p?canary@host/db", "postgresql://…"), ("postgresql://user:canary#@host/db", "postgresql://…"),
            ("postgresql://user:p@canary@host/db", "postgresql://host/…"), ("http://[::1]:80/canary", "http://[::1]/…"),
            ("http://[::1/canary", "http://[::1/…"),
            ("http://[", "http://["), ("http://[]:]canary@/", "http://…"), ("http://:canary", "http://…"),
            ("canary", "…"), ("user:canary@host", "…"), ("postgresql:user:canary@host", "…"), ("://canary", "…"),
            ("ca nary://host", "…"), ("http://ca nary/", "http://…"), ("http://", "http://…"), ("", "…"),
        ])
    func shown(url: String, text: String) {
        #expect(ShownURL(url).description == text)
    }

    @Test(
        "The path of a requested file is shown, its query never",
        arguments: [
            ("ftp://host:90/a/b.csv?canary", "ftp://host:90/a/b.csv"), ("trips.csv", "trips.csv"),
            ("trips.csv?canary", "trips.csv"),
            ("http://user:canary@host/a", "http://host/…"), ("http://user:canary/x@host/a", "http://…"), ("u:canary@h", "…"),
        ])
    func path(url: String, text: String) {
        #expect(ShownURL(url, withPath: true).description == text)
    }

    @Test(
        "URLs in words of others lose what may be a secret",
        arguments: [
            ("no URL: a@b? yes", "no URL: a@b? yes"), ("see https://host/docs (or not)", "see https://host/docs (or not)"),
            ("can't reach 'postgresql://u:canary@h:1/db': gone", "can't reach 'postgresql://h/…': gone"),
            ("(https://h/a?sig=canary and s3://b/k?canary", "(https://h/a and s3://b/k"),
            ("x=http://u:canary@h,http://v:canary@i/ end", "x=http://… end"), ("://canary@x", "…"),
            ("a:://u:canary@h", "a:…"), ("a:/b :/ /c?d@e", "a:/b :/ /c?d@e"),
        ])
    func redacted(text: String, shown: String) {
        #expect(ShownURL.redacted(text) == shown)
    }

    @Test(
        "An invalid value is shown if it is short and not a URL",
        arguments: [
            ("maybe", "maybe"), ("-3", "-3"), ("postgresql://u:canary@h", "…"), ("u:canary@h", "…"), ("a\u{1b}[2J", "…"),
        ])
    func settings(value: String, shown: String) {
        #expect(ShownURL.setting(value) == shown)
    }
}
