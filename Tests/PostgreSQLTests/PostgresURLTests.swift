import PostgreSQL
import Testing
import TripModel

@Suite(.timeLimit(.minutes(10)))
struct PostgresURLTests {
    @Test(
        "Parameters of libpq are passed on, ours are removed",
        arguments: [
            ("postgresql://host/db", "postgresql://host/db", 15),
            ("postgres://user:hunter2@a:5432,b:5433/db", "postgres://user:hunter2@a:5432,b:5433/db", 15),
            ("postgresql://host/db?lease_seconds=30", "postgresql://host/db", 30),
            ("postgresql://host/db?sslmode=require&lease_seconds=2", "postgresql://host/db?sslmode=require", 2),
            (
                "postgresql://host/db?lease_seconds=3600&target_session_attrs=read-write",
                "postgresql://host/db?target_session_attrs=read-write", 3600
            ),
            (
                "postgresql://host/db?sslmode=verify-full&sslrootcert=/etc/ca.pem&lease_seconds=5",
                "postgresql://host/db?sslmode=verify-full&sslrootcert=/etc/ca.pem", 5
            ),
            ("postgresql:///db?host=/run/postgresql", "postgresql:///db?host=/run/postgresql", 15),
        ])
    func reads(text: String, connection: String, lease: Int) throws {
        let url = try PostgresURL(text)
        #expect(url.connectionString == connection)
        #expect(url.leaseSeconds == lease)
    }

    @Test(
        "What makes no sense is refused with a sentence that does not show the password",
        arguments: [
            "postgresql:host/db", "mysql://host/db", "postgresql://user:hunter2/word@host/db",
            "postgresql://host/db?lease_seconds=1",
            "postgresql://user:hunter2@host/db?lease_seconds=x", "postgresql://user:hunter2@host:port/db",
            "postgresql://user:a@hunter2@host/db", "postgresql://user:a@hunter2/b@host/db",
            "postgresql://user:hunter2@host/db?wrong=1", "postgresql://user:hunter%zz@host/db",
        ])
    func refuses(text: String) {
        let error = #expect(throws: TripstoreError.self) { try PostgresURL(text) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains("CATALOG_URL") == true)
        #expect(error?.message.contains("hunter") == false)
    }
}
