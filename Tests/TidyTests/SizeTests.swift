import Foundation
import Testing

/// Files and functions stay small enough to be read at once.
@Suite(.timeLimit(.minutes(10)))
struct SizeTests {
    private static let fileLineCountMax = 400
    private static let functionLineCountMax = 60

    @Test("A source file has at most 400 lines")
    func files() {
        for file in SourceTree.files(under: "Sources") {
            // What follows the last line break is not a line.
            #expect(file.lines.count - 1 <= Self.fileLineCountMax, "\(file.path) has \(file.lines.count - 1) lines")
        }
    }

    @Test("A function has at most 60 lines")
    func functions() {
        for file in SourceTree.files(under: "Sources") {
            for function in FunctionSizes(file.lines.map(String.init)).functions {
                #expect(
                    function.lineCount <= Self.functionLineCountMax,
                    "\(file.path):\(function.line): \(function.name) has \(function.lineCount) lines")
            }
        }
    }

    @Test("Lines of a function are counted from its name to its last brace")
    func counted() {
        let text = """
            struct Short {
                var computed: Int { 1 }
                func one() { print("{") }
                init(
                    value: Int  // {
                ) {
                    if value > 0 {
                        print(value)
                    }
                }
            }
            protocol None { func declared() }
            """
        let functions = FunctionSizes(text.components(separatedBy: "\n")).functions
        #expect(functions.map(\.name) == ["func one", "init"])
        #expect(functions.map(\.line) == [3, 4])
        #expect(functions.map(\.lineCount) == [1, 7])
    }
}

/// The functions of a file with their sizes, by their braces.
private struct FunctionSizes {
    /// A function with a body.
    struct Function {
        var name: String
        /// From 1.
        var line: Int
        var lineCount: Int
    }

    private(set) var functions: [Function] = []
    /// Lines between a function's name and its first brace, at most.
    private static let signatureLineCountMax = 12

    init(_ lines: [String]) {
        let code = Self.code(lines)
        for (start, line) in code.enumerated() {
            guard let match = line.firstMatch(of: /^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:[\w()]+\s+)*?(func\s+[^\s(<]+|init)[?(<]/)
            else {
                continue
            }
            var depth = 0
            var hasBody = false
            for index in start..<code.count {
                if !hasBody, index > start + Self.signatureLineCountMax { break }
                for character in code[index] where character == "{" || character == "}" {
                    depth += character == "{" ? 1 : -1
                    hasBody = hasBody || character == "{"
                }
                // A requirement of a protocol ends with the protocol's brace.
                if depth < 0 { break }
                guard hasBody, depth == 0 else { continue }
                functions.append(Function(name: String(match.1), line: start + 1, lineCount: index - start + 1))
                break
            }
        }
    }

    /// Lines without comments and string literals.
    private static func code(_ lines: [String]) -> [String] {
        var isInText = false
        return lines.map { line in
            if line.components(separatedBy: "\"\"\"").count % 2 == 0 {
                isInText.toggle()
                return ""
            }
            if isInText { return "" }
            return line.replacing(/"(?:\\.|[^"\\])*"/, with: "\"\"").replacing(/\/\/.*/, with: "")
        }
    }
}
