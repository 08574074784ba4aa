import Foundation
import Testing

/// The directions that docs/ARCHITECTURE.md promises hold in the sources.
struct LayeringTests {
    private static let modules = [
        "Bucketing", "Cryptography", "TripGenerator", "HTTPTransport", "ColumnStore", "ClickHouse", "PostgreSQL", "Fetching",
        "Events",
        "Server", "tripstore",
    ]

    @Test("A module imports only the modules that the architecture gives it")
    func modules() {
        let mayImport: [String: Set<String>] = [
            "Bucketing": [], "Cryptography": [], "TripGenerator": ["Bucketing"], "HTTPTransport": [],
            "ColumnStore": ["Bucketing", "Cryptography"],
            "Server": ["ColumnStore", "Cryptography"],
            "ClickHouse": ["Bucketing", "ColumnStore", "HTTPTransport"], "PostgreSQL": ["ColumnStore"],
            "Fetching": ["ColumnStore", "Cryptography", "HTTPTransport"],
            "Events": ["ColumnStore", "Cryptography", "Fetching", "HTTPTransport"],
            "tripstore": [
                "Bucketing", "TripGenerator", "ColumnStore", "ClickHouse", "PostgreSQL", "Fetching", "Events", "Server",
            ],
        ]
        for module in Self.modules {
            let files = SourceTree.files(under: "Sources/\(module)")
            #expect(!files.isEmpty)
            for file in files {
                let ours = file.imports.intersection(Self.modules)
                #expect(ours.isSubset(of: mayImport[module]!), "\(file.path) imports \(ours)")
            }
        }
    }

    @Test(
        "A package is imported only where it belongs",
        arguments: [
            ("GRDB", ["Sources/ColumnStore/Catalog/"]),
            ("CPostgreSQL", ["Sources/PostgreSQL/"]),
            ("CZstd", ["Sources/ColumnStore/Parquet/", "Sources/ColumnStore/Ingestion/"]),
            ("CDeflate", ["Sources/ColumnStore/Parquet/"]),
            ("CZlib", ["Sources/ColumnStore/Ingestion/"]),
            ("CStructural", ["Sources/ColumnStore/CSV/"]),
            ("CPoints", ["Sources/ColumnStore/CSV/"]),
            ("CKeys", ["Sources/ColumnStore/Segment/"]),
            ("CLeaves", ["Sources/ColumnStore/Segment/"]),
            ("CFastFloat", ["Sources/ColumnStore/CSV/"]),
            ("Hummingbird", ["Sources/Server/"]),
            ("NIOCore", ["Sources/Server/"]),
            ("CCurl", ["Sources/HTTPTransport/"]),
            ("HTTPTransport", ["Sources/ClickHouse/", "Sources/Events/", "Sources/Fetching/"]),
            ("CNettle", ["Sources/Cryptography/"]),
            ("Cryptography", ["Sources/ColumnStore/Ingestion/", "Sources/Events/", "Sources/Fetching/", "Sources/Server/"]),
            ("ArgumentParser", ["Sources/tripstore/"]),
        ])
    func packages(package: String, folders: [String]) {
        let users = SourceTree.files(under: "Sources").filter { $0.imports.contains(package) }
        #expect(!users.isEmpty, "nobody imports \(package)")
        for file in users {
            #expect(folders.contains { file.path.hasPrefix($0) }, "\(file.path) imports \(package)")
        }
    }

    @Test("Bucketing needs no Foundation")
    func bucketingIsPure() {
        for file in SourceTree.files(under: "Sources/Bucketing") {
            #expect(!file.imports.contains("Foundation") && !file.imports.contains("FoundationEssentials"), "\(file.path)")
        }
    }

    @Test("A folder of ColumnStore imports what its row in the architecture says")
    func folders() throws {
        let rows = try SourceTree.table(in: "docs/ARCHITECTURE.md", after: "### Folders of ColumnStore")
        let names = Set(rows.map { $0[0] })
        let files = SourceTree.files(under: "Sources/ColumnStore")
        for file in files {
            let parts = file.path.split(separator: "/")
            let folder = parts.count == 3 ? "root" : String(parts[2])
            #expect(names.contains(folder), "\(folder) has no row in docs/ARCHITECTURE.md")
            guard let row = rows.first(where: { $0[0] == folder }) else { continue }
            let allowed = Set(row[1].split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) })
            let imported = file.imports.subtracting(["Foundation", "Glibc", "Musl", "Darwin", "Dispatch", "Synchronization"])
            #expect(imported.isSubset(of: allowed), "\(file.path) imports \(imported.subtracting(allowed))")
        }
    }
}
