import Foundation
import Testing

/// Unsafe code stays in the files that docs/ARCHITECTURE.md lists.
struct UnsafeCodeTests {
    private static let marks = [
        "UnsafePointer", "UnsafeMutable", "UnsafeRaw", "UnsafeBuffer", "withUnsafe", "unsafeLoad", "unchecked:",
    ]

    @Test("Every file with unsafe code is listed, and every listed file has some")
    func listed() throws {
        let rows = try SourceTree.table(in: "docs/ARCHITECTURE.md", after: "## Unsafe code")
        var folder = ""
        var listed: Set<String> = []
        for name in rows.flatMap({ $0[0].split(separator: ",") }) {
            let name = name.trimmingCharacters(in: [" ", "`"])
            if name.hasSuffix(".c") || name.hasSuffix(".cpp") { continue }
            // A name without a folder is in the folder of the one before it; before the first folder, in the root.
            if let slash = name.lastIndex(of: "/") { folder = String(name[..<slash]) }
            listed.insert(name.contains("/") || folder.isEmpty ? name : "\(folder)/\(name)")
        }
        var unsafe: Set<String> = []
        for file in SourceTree.files(under: "Sources") where Self.marks.contains(where: file.code.contains) {
            unsafe.insert(String(file.path.dropFirst("Sources/".count).dropLast(".swift".count)))
        }
        #expect(unsafe.subtracting(listed).sorted() == [], "unsafe, not listed")
        #expect(listed.subtracting(unsafe).sorted() == [], "listed, not unsafe")
    }
}
