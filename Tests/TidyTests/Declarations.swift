import Foundation

/// What a file declares: types, members and cases, but nothing local to a function; no initializers, subscripts and operators.
struct Declarations {
    /// Where a declaration can be used.
    enum Access: Int, Comparable {
        case file, module, everywhere

        static func < (left: Access, right: Access) -> Bool { left.rawValue < right.rawValue }
    }

    struct Declaration {
        var keyword: Words.Keyword
        /// Its name's index in `Words`.
        var id: Int
        var line: Int
        var access: Access
        /// The type that it belongs to; nil at file scope.
        var owner: Int?
        var isOfProtocol: Bool
        /// Of an enum whose cases have raw values or are listed: they are used without their names.
        var isListedCase: Bool
        var isOverride: Bool
        var isEntryPoint: Bool
        /// The tokens of its name and of what it declares.
        var tokens: Range<Int>
    }

    /// A brace that is open.
    private struct Scope {
        enum Kind { case body, type, rawEnum }
        var kind = Kind.body
        var keyword: Words.Keyword?
        var owner: Int?
        /// Of its members if they state none.
        var access = Access.module
        /// Parentheses open around it.
        var depth = 0
        /// Index of its declaration.
        var declaration: Int?
    }

    private(set) var list: [Declaration] = []
    /// Types with what the file says that they conform to, or extend.
    private(set) var clauses: [(type: Int, names: Set<Int>)] = []

    private let tokens: [SwiftTokens.Token]
    private let rawTypes: Set<Int>
    private let mainID: Int
    private var scopes: [Scope] = []
    private var pending: Scope?
    private var depth = 0
    private var position = 0
    private var modifiers = Modifiers()

    private struct Modifiers {
        var access: Access?
        var isOverride = false
        var isEntryPoint = false
    }

    private static let rawTypes = [
        "CaseIterable", "CodingKey", "String", "Character", "Int", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64",
    ]
    private static let accesses: [Words.Keyword: Access] = [
        .private: .file, .fileprivate: .file, .internal: .module, .package: .everywhere, .public: .everywhere,
    ]

    init(_ tokens: [SwiftTokens.Token], words: inout Words) {
        self.tokens = tokens
        rawTypes = Set(Self.rawTypes.map { words.id($0) })
        mainID = words.id("main")
        while position < tokens.count {
            let token = tokens[position]
            if token.isWord {
                if depth == 0, !isMark(".", position - 1), isKeyword(token) {
                    readKeyword(Words.Keyword(rawValue: token.id)!)
                }
            } else {
                readMark(UInt8(-token.id))
            }
            position += 1
        }
    }

    // MARK: - Marks

    private func isMark(_ mark: Unicode.Scalar, _ index: Int) -> Bool {
        index >= 0 && index < tokens.count && tokens[index].id == -Int(mark.value)
    }

    private func isKeyword(_ token: SwiftTokens.Token) -> Bool {
        token.isWord && token.id < Words.Keyword.allCases.count
    }

    private func word(_ index: Int) -> Int? {
        index < tokens.count && tokens[index].isWord ? tokens[index].id : nil
    }

    private mutating func readMark(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "("), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: ")"), UInt8(ascii: "]"): depth -= 1
        case UInt8(ascii: "@"):
            if depth == 0, word(position + 1) == mainID { modifiers.isEntryPoint = true }
        case UInt8(ascii: "{"):
            var scope = pending ?? Scope()
            scope.depth = depth
            scopes.append(scope)
            pending = nil
            modifiers = Modifiers()
            depth = 0
        case UInt8(ascii: "}"):
            if let scope = scopes.popLast() {
                depth = scope.depth
                if let index = scope.declaration {
                    list[index].tokens = list[index].tokens.lowerBound..<position + 1
                }
            }
            pending = nil
            modifiers = Modifiers()
        default: break
        }
    }

    // MARK: - Keywords

    private mutating func readKeyword(_ keyword: Words.Keyword) {
        switch keyword {
        // `private(set)` says nothing of who reads.
        case .private, .fileprivate, .internal, .package, .public:
            if !isMark("(", position + 1) { modifiers.access = Self.accesses[keyword] }
        case .override: modifiers.isOverride = true
        case .struct, .class, .enum, .actor, .protocol, .extension: readType(keyword)
        case .func, .var, .let: readMember(keyword)
        case .typealias, .associatedtype:
            if let id = word(position + 1), scopes.last?.kind != .body { add(keyword, id, at: position + 1) }
            modifiers = Modifiers()
        case .`init`, .subscript, .deinit:
            pending = Scope()
            modifiers = Modifiers()
        case .case: readCases()
        case .import: modifiers = Modifiers()
        case .static, .indirect: break
        }
    }

    private mutating func readType(_ keyword: Words.Keyword) {
        guard let id = word(position + 1), !isMark(":", position - 1), !isMark(",", position - 1),
            id >= Words.Keyword.allCases.count
        else { return }
        var name = id
        var end = position + 2
        while isMark(".", end), let inner = word(end + 1) {
            name = inner
            end += 2
        }
        var clause: Set<Int> = []
        while end < tokens.count, !isMark("{", end) {
            if tokens[end].isWord { clause.insert(tokens[end].id) }
            end += 1
        }
        clauses.append((name, clause))
        var scope = Scope(kind: .type, keyword: keyword, owner: name)
        if keyword == .enum, !clause.isDisjoint(with: rawTypes) { scope.kind = .rawEnum }
        if keyword == .extension {
            scope.access = modifiers.access ?? .module
        } else {
            add(keyword, id, at: position + 1)
            let access = list[list.count - 1].access
            scope.access = keyword == .protocol ? access : min(access, .module)
            scope.declaration = list.count - 1
        }
        pending = scope
        modifiers = Modifiers()
        position += 1
    }

    private mutating func readMember(_ keyword: Words.Keyword) {
        pending = Scope()
        if let id = word(position + 1), scopes.last?.kind != .body {
            add(keyword, id, at: position + 1)
            pending?.declaration = list.count - 1
        }
        modifiers = Modifiers()
    }

    private mutating func readCases() {
        guard let scope = scopes.last, scope.keyword == .enum else { return }
        let next = position + 1
        position = next
        var inner = 0
        var isNameNext = true
        while position < tokens.count {
            let token = tokens[position]
            if isMark("(", position) || isMark("[", position) { inner += 1 }
            if isMark(")", position) || isMark("]", position) { inner -= 1 }
            if inner == 0 {
                if isNameNext, token.isWord {
                    modifiers.access = list[scope.declaration!].access
                    add(.case, token.id, at: position)
                    isNameNext = false
                } else if isMark(",", position) {
                    isNameNext = true
                } else if isMark("}", position) || isMark("@", position) || isKeyword(token) {
                    break
                }
            }
            position += 1
        }
        modifiers = Modifiers()
        // What ended the cases is read again.
        position -= 1
    }

    private mutating func add(_ keyword: Words.Keyword, _ id: Int, at index: Int) {
        let scope = scopes.last
        list.append(
            Declaration(
                keyword: keyword, id: id, line: tokens[index].line, access: modifiers.access ?? scope?.access ?? .module,
                owner: scope?.owner, isOfProtocol: scope?.keyword == .protocol,
                isListedCase: keyword == .case && scope?.kind == .rawEnum, isOverride: modifiers.isOverride,
                isEntryPoint: modifiers.isEntryPoint, tokens: index..<index + 1))
    }
}
