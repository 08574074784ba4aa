import ClickHouse
import Testing
import TripModel

/// Valid forms of `DATABASE_URL` for ClickHouse, and the errors for all others.
@Suite(.timeLimit(.minutes(10)))
struct ClickHouseURLTests {
    @Test(
        arguments: [
            ("clickhouse://localhost", ["localhost:8123"], nil, nil, "default", nil),
            ("clickhouse://localhost:9/trips", ["localhost:9"], nil, nil, "trips", nil),
            ("clickhouses://db.example.org/t", ["db.example.org:8443"], nil, nil, "t", nil),
            ("clickhouse://u@h", ["h:8123"], "u", nil, "default", nil),
            ("clickhouse://u:p%40ss:w@h/d?cluster=c", ["h:8123"], "u", "p@ss:w", "d", "c"),
            ("clickhouse://a:1,b:2/d?cluster=my%20c", ["a:1", "b:2"], nil, nil, "d", "my c"),
            ("clickhouse://[::1]:8124,[fe80::2]/d?cluster=c", ["[::1]:8124", "[fe80::2]:8123"], nil, nil, "d", "c"),
        ] as [(String, [String], String?, String?, String, String?)])
    func reads(text: String, addresses: [String], user: String?, password: String?, database: String, cluster: String?) throws {
        let url = try ClickHouseURL(text)
        #expect(url.addresses.map(\.description) == addresses)
        #expect(url.user == user && url.password == password && url.database == database && url.cluster == cluster)
        #expect(url.isSecure == text.hasPrefix("clickhouses"))
    }

    @Test("Authorities of one's own are named as in libpq's URLs")
    func authorities() throws {
        #expect(try ClickHouseURL("clickhouses://h/t?sslrootcert=/etc/my%20ca.pem").rootCertificates == "/etc/my ca.pem")
        #expect(try ClickHouseURL("clickhouses://h/t").rootCertificates == nil)
    }

    @Test(arguments: [
        ("clickhouse:", "://"), ("clickhousex://h", "scheme"), ("clickhouse://", "address"), ("clickhouse://h:0", "address"),
        ("clickhouse://h:70000", "address"), ("clickhouse://h:x", "address"), ("clickhouse://[::1", "address"),
        ("clickhouse://:secret@h", "user"), ("clickhouse://h/a/b", "database"), ("clickhouse://h?x=1", "parameter"),
        ("clickhouse://h?cluster=", "parameter"),
        ("clickhouse://h?rows_per_insert=1", "4194304"), ("clickhouse://h?inserts_at_once=0", "16"),
        ("clickhouse://h?purge_after_seconds=x", "86400"),
        ("clickhouse://a,b/d", "cluster"), ("clickhouse://a,a/d?cluster=c", "twice"),
        ("clickhouse://u:secret%zz@h", "password"), ("clickhouse://u:a/secret@h", "percent-encoded"),
        ("clickhouse://u:secret?x@h", "percent-encoded"), ("clickhouse://u:secret#@h", "percent-encoded"),
        ("clickhouse://u:secret:x/y", "address"), ("clickhouse://h?secret@x", "percent-encoded"),
        ("mysql://u:secret@h", "scheme"), ("clickhouse://h?sslrootcert=/ca.pem", "clickhouses"),
    ])
    func refuses(text: String, mentions: String) {
        let error = #expect(throws: TripstoreError.self) { try ClickHouseURL(text) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains(mentions) == true, "\(error?.message ?? "")")
        #expect(error?.message.contains("secret") == false)
    }
}
