import Foundation

/// The Swift files of the repository, as text.
struct SourceTree {
    struct File: Sendable {
        /// From the repository's root: `Sources/Ingestion/CSV/CSVLayout.swift`.
        var path: String
        var lines: [Substring]

        /// Names of the modules that it imports.
        var imports: Set<String> {
            Set(
                lines.compactMap { line in
                    let words = line.split(separator: " ").drop {
                        ["package", "public", "internal", "private"].contains($0) || $0.hasPrefix("@")
                    }
                    return words.first == "import" && words.count >= 2 ? String(words[words.startIndex + 1]) : nil
                })
        }

        /// The lines without what is commented out.
        var code: String {
            lines.map { line in line.range(of: "//").map { line[..<$0.lowerBound] } ?? line }.joined(separator: "\n")
        }
    }

    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Returns the files below a folder with an ending.
    static func files(under folder: String, ending: String = ".swift") -> [File] {
        let base = root.appendingPathComponent(folder)
        let names = FileManager.default.enumerator(atPath: base.path)?.compactMap { $0 as? String } ?? []
        return names.filter { $0.hasSuffix(ending) }.sorted().map { name in
            let text = (try? String(contentsOf: base.appendingPathComponent(name), encoding: .utf8)) ?? ""
            return File(path: "\(folder)/\(name)", lines: text.split(separator: "\n", omittingEmptySubsequences: false))
        }
    }

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    /// Returns the cells of the table rows that follow a line of a Markdown page, without its head.
    static func table(in page: String, after start: String) throws -> [[String]] {
        let lines = try text(page).components(separatedBy: "\n")
        guard let first = lines.firstIndex(where: { $0.hasPrefix(start) }) else { return [] }
        return lines[first...].drop { !$0.hasPrefix("|") }.prefix { $0.hasPrefix("|") }.dropFirst(2).map { line in
            line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        }
    }
}
