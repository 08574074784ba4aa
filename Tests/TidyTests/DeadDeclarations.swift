import Foundation

/// Declarations of `Sources` that nothing there uses, judged by the words of the sources.
///
/// A use is a word that is not the name of a declaration, a label or what an assignment writes to. It counts if the declaration can be
/// seen there (`private` in its file, without a modifier in its module), if it isn't part of the declaration itself, and, without a point
/// before it, if the file declares or extends the type. Another thing of the same name hides a dead one: a dead declaration can be missed.
struct DeadDeclarations {
    struct Dead: CustomStringConvertible {
        var file: String
        var line: Int
        /// With its type: `Catalog.jobs`.
        var name: String
        var simpleName: String
        /// What the type, its extensions included, conforms to.
        var conformances: Set<String>
        /// Whether tests or benchmarks use it.
        var isUsedByTests: Bool

        var description: String { "\(file):\(line): \(name)" }
    }

    private struct File {
        var path: String
        var module: String
        var isSource: Bool
        var tokens: [SwiftTokens.Token]
        var declarations: Declarations
        /// Types that it declares or extends.
        var types: Set<Int>
    }

    private struct Use {
        var file: Int
        var token: Int
        var isMember: Bool
        var isWritten: Bool
    }

    private(set) var dead: [Dead] = []
    private var words = Words()
    private var files: [File] = []
    private var uses: [[Use]] = []
    private var clauses: [Int: Set<Int>] = [:]
    /// The widest access of a protocol's requirement of a name.
    private var requirements: [Int: Declarations.Access] = [:]

    init(_ texts: [(path: String, text: String)]) {
        for (path, text) in texts {
            let tokens = SwiftTokens(text, words: &words).tokens
            let declarations = Declarations(tokens, words: &words)
            let parts = path.split(separator: "/", maxSplits: 2)
            files.append(
                File(
                    path: path, module: parts.prefix(2).joined(separator: "/"), isSource: parts[0] == "Sources", tokens: tokens,
                    declarations: declarations, types: Set(declarations.clauses.map(\.type))))
            for (type, names) in declarations.clauses { clauses[type, default: []].formUnion(names) }
            for declaration in declarations.list where declaration.isOfProtocol {
                requirements[declaration.id] = max(requirements[declaration.id] ?? .file, declaration.access)
            }
        }
        findUses()
        for index in files.indices where files[index].isSource {
            for declaration in files[index].declarations.list { judge(declaration, in: index) }
        }
    }

    private mutating func findUses() {
        uses = Array(repeating: [], count: words.names.count)
        func mark(_ scalar: Unicode.Scalar) -> Int { -Int(scalar.value) }
        let (point, colon, comma, equals, parenthesis) = (mark("."), mark(":"), mark(","), mark("="), mark("("))
        let operators = [mark("+"), mark("-"), mark("*"), mark("|"), mark("&")]
        for (index, file) in files.enumerated() {
            let tokens = file.tokens
            let declared = Set(file.declarations.list.map(\.tokens.lowerBound))
            for (position, token) in tokens.enumerated() where token.isWord && token.id >= Words.Keyword.allCases.count {
                if declared.contains(position) { continue }
                let before = position > 0 ? tokens[position - 1].id : 0
                let after = position + 1 < tokens.count ? tokens[position + 1].id : 0
                let second = position + 2 < tokens.count ? tokens[position + 2].id : 0
                if before == Words.Keyword.extension.rawValue { continue }
                if after == colon, before == parenthesis || before == comma { continue }
                let isWritten = after == equals && second != equals || second == equals && operators.contains(after)
                uses[token.id].append(Use(file: index, token: position, isMember: before == point, isWritten: isWritten))
            }
        }
    }

    private mutating func judge(_ declaration: Declarations.Declaration, in home: Int) {
        if declaration.isListedCase || declaration.isOverride || declaration.isEntryPoint { return }
        let access = max(declaration.access, requirements[declaration.id] ?? .file)
        let isValue = declaration.keyword == .var || declaration.keyword == .let
        var isUsedByTests = false
        for use in uses[declaration.id] {
            let file = files[use.file]
            if access == .file, use.file != home { continue }
            if access == .module, file.module != files[home].module { continue }
            if use.file == home, declaration.tokens.contains(use.token) { continue }
            if isValue, use.isWritten { continue }
            if declaration.keyword == .case, !use.isMember { continue }
            let isMember = isValue || declaration.keyword == .func
            if isMember, !use.isMember, let owner = declaration.owner, !file.types.contains(owner) { continue }
            if file.isSource { return }
            isUsedByTests = true
        }
        let owner = declaration.owner.map { words.names[$0] }
        let conformances = declaration.owner.flatMap { clauses[$0] } ?? []
        let name = words.names[declaration.id]
        dead.append(
            Dead(
                file: files[home].path, line: declaration.line, name: (owner.map { $0 + "." } ?? "") + name, simpleName: name,
                conformances: Set(conformances.map { words.names[$0] }), isUsedByTests: isUsedByTests))
    }
}
