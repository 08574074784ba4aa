import Foundation

/// The words and marks of Swift text, without comments and strings; what a string interpolates belongs to the code.
///
/// Works on bytes and numbers, because tests are compiled without optimization and read all sources.
struct SwiftTokens {
    struct Token {
        /// Of a word, its index in `Words`; of a mark, the negative of its byte.
        var id: Int
        /// From 1.
        var line: Int

        var isWord: Bool { id >= 0 }
    }

    private(set) var tokens: [Token] = []
    private let bytes: [UInt8]
    private var position = 0
    private var line = 1
    /// Strings whose interpolation is being read.
    private var strings: [Literal] = []
    /// Parentheses that are open in the interpolation.
    private var depth = 0

    private struct Literal {
        var hashCount: Int
        var isMultiline: Bool
        /// Of the interpolation around it.
        var depth: Int
    }

    init(_ text: String, words: inout Words) {
        bytes = Array(text.utf8) + [0, 0, 0]
        let end = bytes.count - 3
        while position < end {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\n") { line += 1 }
            if byte <= UInt8(ascii: " ") {
                position += 1
            } else if Self.isWordByte(byte) || byte == UInt8(ascii: "`") {
                readWord(&words)
            } else if byte == UInt8(ascii: "/"), bytes[position + 1] == UInt8(ascii: "/") {
                while position < end, bytes[position] != UInt8(ascii: "\n") { position += 1 }
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "#") {
                readQuoteOrHash()
            } else {
                readMark(byte)
            }
        }
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        let lower = byte | 0x20
        return lower >= UInt8(ascii: "a") && lower <= UInt8(ascii: "z") || isDigit(byte) || byte == UInt8(ascii: "_")
            || byte >= 0x80
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    private mutating func readWord(_ words: inout Words) {
        let isQuoted = bytes[position] == UInt8(ascii: "`")
        if isQuoted { position += 1 }
        let start = position
        while Self.isWordByte(bytes[position]) { position += 1 }
        defer { if isQuoted { position += 1 } }
        guard !Self.isDigit(bytes[start]) else {
            // A number; its point belongs to it.
            if bytes[position] == UInt8(ascii: "."), Self.isDigit(bytes[position + 1]) {
                position += 1
                while Self.isWordByte(bytes[position]) { position += 1 }
            }
            return
        }
        tokens.append(Token(id: words.id(bytes[start..<position]), line: line))
    }

    private mutating func readMark(_ byte: UInt8) {
        if byte == UInt8(ascii: "(") { depth += 1 }
        if byte == UInt8(ascii: ")") {
            if depth == 0, let string = strings.popLast() {
                depth = string.depth
                position += 1
                readLiteral(string.hashCount, isMultiline: string.isMultiline)
                return
            }
            depth -= 1
        }
        tokens.append(Token(id: -Int(byte), line: line))
        position += 1
    }

    private mutating func readQuoteOrHash() {
        var hashCount = 0
        while bytes[position + hashCount] == UInt8(ascii: "#") { hashCount += 1 }
        let quote = position + hashCount
        guard bytes[quote] == UInt8(ascii: "\"") else {
            position += hashCount
            return
        }
        let isMultiline = bytes[quote + 1] == UInt8(ascii: "\"") && bytes[quote + 2] == UInt8(ascii: "\"")
        position = quote + (isMultiline ? 3 : 1)
        readLiteral(hashCount, isMultiline: isMultiline)
    }

    /// Skips the characters of a string, up to its end or to an interpolation.
    private mutating func readLiteral(_ hashCount: Int, isMultiline: Bool) {
        while position < bytes.count - 3 {
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "\n") {
                line += 1
                // A quote in a regular expression.
                if !isMultiline { return }
            } else if byte == UInt8(ascii: "\\"), hasHashes(hashCount, at: position) {
                position += hashCount + 1
                guard bytes[position - 1] == UInt8(ascii: "(") else { continue }
                strings.append(Literal(hashCount: hashCount, isMultiline: isMultiline, depth: depth))
                depth = 0
                return
            } else if byte == UInt8(ascii: "\"") {
                let isEnd = !isMultiline || bytes[position] == byte && bytes[position + 1] == byte
                let rest = isMultiline ? position + 2 : position
                guard isEnd, hasHashes(hashCount, at: rest) else { continue }
                position = rest + hashCount
                return
            }
        }
    }

    private func hasHashes(_ count: Int, at start: Int) -> Bool {
        count == 0 || bytes[start..<min(start + count, bytes.count)].allSatisfy { $0 == UInt8(ascii: "#") }
    }
}

/// Words by their index.
struct Words {
    private var ids: [ArraySlice<UInt8>: Int] = [:]
    private(set) var names: [String] = []

    init() {
        for keyword in Keyword.allCases { _ = id(Array("\(keyword)".utf8)[...]) }
    }

    mutating func id(_ bytes: ArraySlice<UInt8>) -> Int {
        if let id = ids[bytes] { return id }
        ids[bytes] = names.count
        names.append(String(decoding: bytes, as: UTF8.self))
        return names.count - 1
    }

    mutating func id(_ name: String) -> Int { id(Array(name.utf8)[...]) }

    /// The words that `Declarations` looks for: the index of each is its raw value.
    enum Keyword: Int, CaseIterable {
        case `struct`, `class`, `enum`, `actor`, `protocol`, `extension`
        case `func`, `var`, `let`, `case`, `init`, `subscript`, `deinit`, `typealias`, `associatedtype`, `import`
        case `private`, `fileprivate`, `internal`, package, `public`
        case `override`, `static`, indirect
    }
}
