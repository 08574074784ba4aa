import Foundation
import Testing

/// The directions that docs/ARCHITECTURE.md promises hold in the sources.
@Suite(.timeLimit(.minutes(10)))
struct LayeringTests {
    /// Rows of the table of modules: the name, and those that it may import.
    private static func modules() throws -> [(name: String, mayImport: Set<String>)] {
        try SourceTree.table(in: "docs/ARCHITECTURE.md", after: "## Modules").map { row in
            (name: row[0].trimmingCharacters(in: ["`"]), mayImport: Set(row[1].matches(of: /\w+/).map { String($0.0) }))
        }
    }

    @Test("A module imports only the modules that the architecture gives it, all of which are listed above it")
    func modules() throws {
        let modules = try Self.modules()
        let names = Set(modules.map(\.name))
        let sources = SourceTree.root.appendingPathComponent("Sources").path
        let folders = try FileManager.default.contentsOfDirectory(atPath: sources)
        let swift = folders.filter { !SourceTree.files(under: "Sources/\($0)").isEmpty }
        #expect(Set(swift) == names)
        var above: Set<String> = []
        for (name, mayImport) in modules {
            #expect(mayImport.isSubset(of: above), "\(name) may import what stands below it")
            for file in SourceTree.files(under: "Sources/\(name)") {
                let ours = file.imports.intersection(names)
                #expect(ours.isSubset(of: mayImport), "\(file.path) imports \(ours.subtracting(mayImport))")
            }
            above.insert(name)
        }
    }

    /// Rows of the table of folders: each names its module and itself, the lowest of a module first.
    private static func folders() throws -> [String: [String]] {
        let names = try SourceTree.table(in: "docs/ARCHITECTURE.md", after: "### Folders").map {
            $0[0].trimmingCharacters(in: ["`"]).split(separator: "/").map(String.init)
        }
        return Dictionary(grouping: names, by: { $0[0] }).mapValues { $0.map { $0[1] } }
    }

    @Test("A folder names only types of its own and of lower folders of its module")
    func folderOrder() throws {
        let orders = try Self.folders()
        for module in try Self.modules().map(\.name) {
            let files = SourceTree.files(under: "Sources/\(module)").map { file in
                (path: String(file.path.dropFirst("Sources/\(module)/".count)), text: file.lines.joined(separator: "\n"))
            }
            let folders = Set(files.map { TypeReferences.folder($0.path) })
            if folders == ["."] { continue }
            #expect(Set(orders[module] ?? []) == folders, "the folders of \(module) and their rows in docs/ARCHITECTURE.md")
            for reference in TypeReferences(files).upward(in: orders[module] ?? []) {
                Issue.record("\(module): \(reference), which is above \(reference.folder)")
            }
        }
    }

    @Test("A type of a higher folder is seen, in code and not in comments, strings or names of members")
    func plantedViolation() {
        let planted = [
            (path: "Low/Values.swift", text: "struct Values { var top: Engine? }"),
            (path: "Low/Clean.swift", text: "/// An Engine.\nstruct Clean { let text = \"Engine\"; let x = Values.Engine }"),
            (path: "Low/Nested.swift", text: "struct Nested {\n    struct Engine {}\n    var engine: Engine\n}"),
            (path: "High/Engine.swift", text: "final class Engine { let values: Values }"),
        ]
        let references = TypeReferences(planted)
        #expect(references.upward(in: ["Low", "High"]).map(\.file) == ["Low/Values.swift"])
        #expect(references.upward(in: ["High", "Low"]).map(\.file) == ["High/Engine.swift"])
        #expect(references.upward(in: ["Low"]).count == 2, "a folder without a row is an error")
    }

    @Test(
        "A package is imported only where it belongs",
        arguments: [
            ("GRDB", ["Sources/ColumnStore/Catalog/"]),
            ("CPostgreSQL", ["Sources/PostgreSQL/"]),
            ("CZstd", ["Sources/Parquet/", "Sources/Ingestion/Sources/"]),
            ("CDeflate", ["Sources/Parquet/", "Sources/TripModel/Base/"]),
            ("CXXHash", ["Sources/TripModel/Files/"]),
            ("CZlib", ["Sources/Ingestion/Sources/"]),
            ("CKernels", ["Sources/Ingestion/CSV/", "Sources/ColumnStore/Segment/"]),
            ("CFastFloat", ["Sources/Ingestion/CSV/"]),
            ("HummingbirdCore", ["Sources/Server/"]),
            ("NIOCore", ["Sources/Server/"]),
            ("CCurl", ["Sources/HTTPTransport/"]),
            ("HTTPTransport", ["Sources/ClickHouse/", "Sources/Events/", "Sources/Fetching/"]),
            ("CNettle", ["Sources/Cryptography/"]),
            ("Cryptography", ["Sources/Ingestion/Sources/", "Sources/Events/", "Sources/Fetching/", "Sources/Server/"]),
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
}
