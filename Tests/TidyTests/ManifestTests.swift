import Foundation
import Testing

/// Package.swift declares what each target imports, and nothing else.
///
/// All modules of a build lie in one folder, so that the compiler finds those that a target does not declare as well, in whichever order
/// they happen to be built.
@Suite(.timeLimit(.minutes(10)))
struct ManifestTests {
    private struct Target {
        var name: String
        var folder: String
        var dependencies: Set<String>
    }

    /// What the toolchain brings.
    private static let toolchain: Set<String> = [
        "Foundation", "FoundationEssentials", "Glibc", "Musl", "Darwin", "Dispatch", "Synchronization", "Testing",
    ]

    @Test("A target imports what it declares, and declares what it imports")
    func imports() throws {
        let targets = Self.targets(in: try SourceTree.text("Package.swift"))
        #expect(targets.contains { $0.name == "tripstore" } && targets.contains { $0.name == "TidyTests" })
        for target in targets {
            let files = SourceTree.files(under: target.folder)
            // Targets of C.
            if files.isEmpty { continue }
            let imported = files.reduce(into: Set<String>()) { $0.formUnion($1.imports) }.subtracting(Self.toolchain)
            #expect(imported.subtracting(target.dependencies).sorted() == [], "\(target.name) imports what it does not declare")
            #expect(target.dependencies.subtracting(imported).sorted() == [], "\(target.name) declares what it does not import")
        }
    }

    private static func targets(in manifest: String) -> [Target] {
        let starts = manifest.ranges(of: /\.(?:target|testTarget|executableTarget)\(\s*name: "/)
        return starts.enumerated().map { index, start in
            let end = index + 1 < starts.count ? starts[index + 1].lowerBound : manifest.endIndex
            let text = manifest[start.lowerBound..<end]
            let name = String(manifest[start.upperBound...].prefix { $0 != "\"" })
            let list = text.firstMatch(of: /dependencies: \[((?:[^\[\]])*)\]/)?.1 ?? ""
            let names = list.replacing(/package: "[^"]*"/, with: "").matches(of: /"(\w+)"/).map { String($0.1) }
            let path = text.firstMatch(of: /path: "([^"]+)"/).map { String($0.1) }
            let isTest = manifest[start].contains("testTarget")
            return Target(name: name, folder: path ?? "\(isTest ? "Tests" : "Sources")/\(name)", dependencies: Set(names))
        }
    }
}
