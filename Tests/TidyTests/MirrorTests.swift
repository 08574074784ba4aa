import Foundation
import Testing

/// Tests are found where their sources are: `Sources/Ingestion/CSV` has its tests in `Tests/IngestionTests/CSV`.
@Suite(.timeLimit(.minutes(10)))
struct MirrorTests {
    private static func folders(in path: String) throws -> [String] {
        let root = SourceTree.root.appendingPathComponent(path)
        return try FileManager.default.contentsOfDirectory(at: root, includingPropertiesForKeys: [.isDirectoryKey])
            .filter { try $0.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true }
            .map(\.lastPathComponent).sorted()
    }

    @Test("Every module but the program has tests of its name")
    func modules() throws {
        let tests = Set(try Self.folders(in: "Tests"))
        for module in try Self.folders(in: "Sources") where module != "tripstore" {
            if SourceTree.files(under: "Sources/\(module)").isEmpty { continue }
            #expect(tests.contains("\(module)Tests"), "\(module) has no tests in Tests/\(module)Tests")
        }
    }

    @Test("A folder of tests has the name of a folder of its module")
    func folders() throws {
        let modules = try Self.folders(in: "Sources")
        for tests in try Self.folders(in: "Tests") {
            guard let module = modules.first(where: { tests == "\($0)Tests" }) else { continue }
            let sources = Set(try Self.folders(in: "Sources/\(module)"))
            for folder in try Self.folders(in: "Tests/\(tests)") {
                #expect(sources.contains(folder), "Tests/\(tests)/\(folder) mirrors no folder of Sources/\(module)")
            }
        }
    }

    /// The engine and the jobs are what others are built on: a fault there is to be located by a test of its folder.
    @Test("Every folder of the engine and of ingestion has tests", arguments: ["ColumnStore", "Ingestion"])
    func covered(module: String) throws {
        for folder in try Self.folders(in: "Sources/\(module)") {
            let files = SourceTree.files(under: "Tests/\(module)Tests/\(folder)")
            #expect(files.contains { $0.code.contains("@Test") }, "\(module)/\(folder) has no tests")
        }
    }
}
