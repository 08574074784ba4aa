import Foundation

/// Which files of a module name types of which others: the arrows between its folders.
///
/// Folders of one module never import each other, so imports say nothing of layers inside it. Names in comments and strings don't count,
/// nor do types of the same name that the file nests itself. Calls of free functions and of methods in extensions are not seen: an arrow
/// can be missed, not invented.
struct TypeReferences {
    /// A type that a file names and that another folder declares.
    struct Reference: Hashable, CustomStringConvertible {
        var file: String
        var folder: String
        var type: String
        var home: String

        var description: String { "\(file) names \(type) of \(home)" }
    }

    /// Of files in different folders only.
    private(set) var references: [Reference] = []

    private nonisolated(unsafe) static let declaration =
        /^(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|private|fileprivate|final|indirect|nonisolated)\s+)*(?:struct|class|enum|protocol|actor|typealias)\s+([A-Z]\w*)/
        .anchorsMatchLineEndings()
    private nonisolated(unsafe) static let nestedDeclaration =
        /^[ \t]+(?:@\w+\s+)*(?:(?:public|package|internal|private|fileprivate|final|indirect)\s+)*(?:struct|class|enum|protocol|typealias)\s+([A-Z]\w*)/
        .anchorsMatchLineEndings()
    private nonisolated(unsafe) static let name = /(\.?)\b([A-Z]\w*)/

    /// Reads the files of a module.
    ///
    /// - Parameter files: the path of each in the module's folder, and its text.
    init(_ files: [(path: String, text: String)]) {
        let code = files.map { (path: $0.path, text: Self.code($0.text)) }
        var homes: [String: String] = [:]
        for file in code {
            for match in file.text.matches(of: Self.declaration) where homes[String(match.1)] == nil {
                homes[String(match.1)] = Self.folder(file.path)
            }
        }
        for file in code {
            let own = Set(file.text.matches(of: Self.nestedDeclaration).map { String($0.1) })
            let folder = Self.folder(file.path)
            var seen: Set<String> = []
            for match in file.text.matches(of: Self.name) where match.1.isEmpty {
                let type = String(match.2)
                guard let home = homes[type], home != folder, !own.contains(type), seen.insert(type).inserted else { continue }
                references.append(Reference(file: file.path, folder: folder, type: type, home: home))
            }
        }
    }

    /// Those that point upwards.
    ///
    /// - Parameter order: folders, the lowest first.
    func upward(in order: [String]) -> [Reference] {
        references.filter { reference in
            guard let own = order.firstIndex(of: reference.folder), let other = order.firstIndex(of: reference.home) else {
                return true
            }
            return other > own
        }
    }

    static func folder(_ path: String) -> String {
        path.firstIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }

    /// Text without comments and without what is in string literals.
    private static func code(_ text: String) -> String {
        text.replacing(/"""(?:.|\n)*?"""/, with: "\"\"").replacing(/"(?:\\.|[^"\\\n])*"/, with: "\"\"")
            .replacing(/\/\/[^\n]*/, with: "")
    }
}
