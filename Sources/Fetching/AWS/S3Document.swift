import Foundation

/// A response of S3: XML; elements with attributes are not found, and mixed text is not needed here.
///
/// https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
package struct S3Document: Sendable {
    private let text: String

    package init(_ text: String) { self.text = text }

    /// Returns the contents of each element with a name, in order.
    package func elements(_ name: String) -> [S3Document] {
        text.components(separatedBy: "<\(name)>").dropFirst().compactMap { rest in
            rest.range(of: "</\(name)>").map { S3Document(String(rest[..<$0.lowerBound])) }
        }
    }

    /// Returns the text of the first element with a name.
    package func value(_ name: String) -> String? { elements(name).first.map { Self.unescaped($0.text) } }

    /// S3's code of an error; nil if the document is not an error of S3.
    package var errorCode: String? {
        guard let error = elements("Error").first, let code = error.value("Code"), !code.isEmpty,
            code.utf8.allSatisfy({ (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) })
        else { return nil }
        return String(code.prefix(60))
    }

    private static let entities: [Substring: Character] = ["amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'"]

    /// Returns text with XML's entities decoded; invalid ones stay as they are.
    private static func unescaped(_ text: String) -> String {
        guard text.contains("&") else { return text }
        var result = ""
        var rest = text[...]
        while let mark = rest.firstIndex(of: "&") {
            result += rest[..<mark]
            rest = rest[mark...]
            guard let end = rest.firstIndex(of: ";"), let character = character(of: rest[..<end].dropFirst()) else {
                result.append(rest.removeFirst())
                continue
            }
            result.append(character)
            rest = rest[end...].dropFirst()
        }
        return result + rest
    }

    private static func character(of entity: Substring) -> Character? {
        if let known = entities[entity] { return known }
        let number = entity.hasPrefix("#x") ? UInt32(entity.dropFirst(2), radix: 16) : UInt32(entity.dropFirst())
        guard entity.hasPrefix("#") else { return nil }
        return number.flatMap { Unicode.Scalar($0) }.map { Character($0) }
    }
}
