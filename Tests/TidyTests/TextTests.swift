import Foundation
import Testing

/// What a reader meets: links that lead somewhere, files that say why they exist, no remnants.
@Suite(.timeLimit(.minutes(10)))
struct TextTests {
    private static let pages =
        SourceTree.files(under: "docs", ending: ".md").map(\.path) + ["README.md", "CHANGELOG.md"]

    @Test("A link between pages leads to a file", arguments: pages)
    func links(page: String) throws {
        let folder = URL(fileURLWithPath: page, relativeTo: SourceTree.root).deletingLastPathComponent()
        // Every other part is a block of code.
        let parts = try SourceTree.text(page).components(separatedBy: "```")
        let text = parts.enumerated().filter { $0.offset % 2 == 0 }.map(\.element).joined()
        for match in text.matches(of: /\]\(([^)#]+)(#[^)]*)?\)/) {
            let target = String(match.output.1)
            if target.hasPrefix("http") || target.hasPrefix("mailto") { continue }
            let path = folder.appendingPathComponent(target).path
            #expect(FileManager.default.fileExists(atPath: path), "\(page) links to \(target)")
        }
    }

    @Test("Every source file says near its top what it is for")
    func openings() {
        for file in SourceTree.files(under: "Sources") {
            #expect(file.lines.prefix(15).contains { $0.contains("///") }, "\(file.path) does not say why it exists")
        }
    }

    @Test("Nothing is left to do, and nothing is called utils")
    func leftovers() {
        let words = ["TO" + "DO", "FIX" + "ME", "X" + "XX:"]
        for file in SourceTree.files(under: "Sources") + SourceTree.files(under: "Tests") {
            for (number, line) in file.lines.enumerated() {
                #expect(!words.contains { line.contains($0) }, "\(file.path):\(number + 1)")
            }
            let name = file.path.lowercased()
            #expect(!name.contains("util") && !name.contains("helper"), "\(file.path)")
        }
    }
}
