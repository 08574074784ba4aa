import Foundation
import Testing

/// Unsafe code stays in the files that docs/ARCHITECTURE.md lists.
@Suite(.timeLimit(.minutes(5)))
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

    /// An instruction that the processor lacks ends the process, whatever the portable path could do.
    @Test("A kernel is compiled only for instruction sets that its file checks")
    func checkedInstructions() throws {
        let files =
            SourceTree.files(under: "Sources/CKernels", ending: ".c")
            + SourceTree.files(under: "Sources/CKernels", ending: ".h")
        var setCount = 0
        for file in files {
            let code = file.code
            guard !file.path.hasSuffix("/cpu.h") else {
                #expect(code.contains("target(") && code.contains("__builtin_cpu_supports"))
                continue
            }
            for word in ["target(", "__builtin_cpu_supports"] {
                #expect(!code.contains(word), "\(file.path) names features itself; list them in cpu.h")
            }
            func sets(_ macro: Regex<(Substring, Substring)>) -> Set<Substring> { Set(code.matches(of: macro).map(\.output.1)) }
            let compiled = sets(/CPU_TARGET\((\w+)\)/)
            #expect(compiled == sets(/CPU_RUNS\((\w+)\)/), "\(file.path)")
            setCount += compiled.count
        }
        #expect(setCount == 5)
    }
}
