import Foundation
import Testing

/// Unsafe code stays in the files that docs/ARCHITECTURE.md lists.
@Suite(.timeLimit(.minutes(10)))
struct UnsafeCodeTests {
    /// Words of unsafe code, besides all that have "unsafe" in them.
    private static let marks: Set<String> = [
        "OpaquePointer", "UnownedJob", "Unmanaged", "cString", "pointee", "unchecked", "withCString", "withUTF8",
        "withUTF8Buffer", "withContiguousMutableStorageIfAvailable", "withContiguousStorageIfAvailable",
        "withMemoryRebound",
    ]

    /// Returns the paths below `Sources`, without `.swift`, of the files whose code has a mark.
    private static func unsafe(_ files: [(path: String, text: String)]) -> Set<String> {
        var words = Words()
        var unsafe: Set<String> = []
        var isMark: [Int: Bool] = [:]
        for (path, text) in files {
            let ids = Set(SwiftTokens(text, words: &words).tokens.lazy.filter(\.isWord).map(\.id))
            let hasMark = ids.contains { id in
                if let known = isMark[id] { return known }
                let word = words.names[id]
                isMark[id] = marks.contains(word) || word.lowercased().contains("unsafe")
                return isMark[id]!
            }
            if hasMark { unsafe.insert(String(path.dropFirst("Sources/".count).dropLast(".swift".count))) }
        }
        return unsafe
    }

    /// Returns the Swift files of the table, whose rows name files and say why.
    private static func listed(_ rows: [[String]]) -> [String] {
        var folder = ""
        var listed: [String] = []
        for name in rows.flatMap({ $0[0].split(separator: ",") }) {
            let name = name.trimmingCharacters(in: [" ", "`"])
            if name.hasSuffix(".c") || name.hasSuffix(".cpp") { continue }
            // A name without a folder is in the folder of the one before it; before the first folder, in the root.
            if let slash = name.lastIndex(of: "/") { folder = String(name[..<slash]) }
            listed.append(name.contains("/") || folder.isEmpty ? name : "\(folder)/\(name)")
        }
        return listed
    }

    @Test("Every file with unsafe code is listed with its reason, and every listed file has some")
    func listed() throws {
        let rows = try SourceTree.table(in: "docs/ARCHITECTURE.md", after: "## Unsafe code")
        for row in rows { #expect(row.count == 2 && row[1].count > 10, "no reason: \(row)") }
        let listed = Self.listed(rows)
        #expect(listed.count == Set(listed).count, "listed twice")
        let files = SourceTree.files(under: "Sources").map { (path: $0.path, text: $0.lines.joined(separator: "\n")) }
        let unsafe = Self.unsafe(files)
        #expect(unsafe.count > 50)
        #expect(unsafe.subtracting(listed).sorted() == [], "unsafe, not listed")
        #expect(Set(listed).subtracting(unsafe).sorted() == [], "listed, not unsafe")
    }

    @Test("Unsafe code is seen, and its words in comments and strings are none")
    func planted() {
        let unsafe = [
            "func read(_ bytes: UnsafeRawBufferPointer) {}", "let value = bytes.unsafeLoad(as: Int.self)",
            "final class Shared: @unchecked Sendable {}", "nonisolated(unsafe) static var count = 0",
            "let byte = values[unchecked: 1]", "let bits = unsafeBitCast(value, to: Int.self)", "let handle: OpaquePointer",
            "let text = String(cString: name)",
            "print(\"\\(withUnsafeBytes(of: value) { $0.count })\")", "let x = unsafe pointer.pointee",
        ]
        let safe = [
            "/// Unsafe code: UnsafePointer.", "let text = \"withUnsafeBytes unchecked\"", "let text = #\"\\(unsafe)\"#",
            "let checked = 1",
        ]
        for (index, text) in (unsafe + safe).enumerated() {
            let isUnsafe = index < unsafe.count
            #expect(Self.unsafe([(path: "Sources/Low/File.swift", text: text)]) == (isUnsafe ? ["Low/File"] : []), "\(text)")
        }
        #expect(Self.listed([["`Low/A`, `B`", ""], ["`kernel.c`, `High/C`", ""]]) == ["Low/A", "Low/B", "High/C"])
    }

    @Test("The compiler refuses unsafe code in modules that have none")
    func strictModules() throws {
        let table = try SourceTree.table(in: "docs/ARCHITECTURE.md", after: "## Modules")
        let modules = table.map { $0[0].trimmingCharacters(in: ["`"]) }
        let manifest = try SourceTree.text("Package.swift")
        let strict = modules.filter { module in
            let rest = manifest.ranges(of: "name: \"\(module)\"").last.map { manifest[$0.upperBound...] } ?? ""
            return rest.prefix(upTo: rest.range(of: "arget(")?.lowerBound ?? rest.endIndex).contains("strictSettings")
        }
        let rows = try SourceTree.table(in: "docs/ARCHITECTURE.md", after: "## Unsafe code")
        let unsafe = Set(Self.listed(rows).map { String($0.prefix { $0 != "/" }) })
        #expect(modules.filter { !unsafe.contains($0) } == strict, "modules without unsafe code, and those with strictSettings")
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
