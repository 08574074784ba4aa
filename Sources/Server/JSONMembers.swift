import Foundation
import HTTPTypes
import NIOCore
import TripModel
import TripstoreAPI

/// The members of a request's JSON object as name-value pairs, which are checked like parameters.
struct JSONMembers {
    private let members: [String: Member]

    /// A value of a kind that some member has.
    private enum Member: Decodable {
        case null
        case flag(Bool)
        case text(String)
        case texts([String])
        case other

        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            if value.decodeNil() {
                self = .null
            } else if let flag = try? value.decode(Bool.self) {
                self = .flag(flag)
            } else if let text = try? value.decode(String.self) {
                self = .text(text)
            } else if let texts = try? value.decode([String].self) {
                self = .texts(texts)
            } else {
                self = .other
            }
        }
    }

    /// Parses a body; throws 400 for anything but an object.
    ///
    /// - Parameter example: what to send, as the end of a sentence.
    init(_ body: ByteBuffer, example: String) throws {
        guard let text = String(validating: body.readableBytesView, as: UTF8.self),
            let members = try? JSONDecoder().decode([String: Member].self, from: Data(text.utf8))
        else {
            throw HTTPError(.badRequest, message: "The body is not a JSON object; \(example).")
        }
        if let name = Self.repeatedName(in: text) {
            throw HTTPError(.badRequest, message: "Field '\(name.prefix(100))' is given twice; give it once.")
        }
        self.members = members
    }

    /// Returns a name that two members of an object have; readers differ in which of them counts (RFC 8259, section 4).
    ///
    /// - Parameter text: a valid JSON object.
    private static func repeatedName(in text: String) -> String? {
        var names: Set<String> = []
        var depth = 0
        var isName = false
        var bytes = text.utf8[...]
        while let byte = bytes.first {
            switch byte {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                isName = depth == 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: ","): isName = depth == 1
            case UInt8(ascii: "\""):
                var end = bytes.index(after: bytes.startIndex)
                while bytes[end] != UInt8(ascii: "\"") {
                    end = bytes.index(end, offsetBy: bytes[end] == UInt8(ascii: "\\") ? 2 : 1)
                }
                if isName, let quoted = String(bytes[...end]),
                    let name = try? JSONDecoder().decode(String.self, from: Data(quoted.utf8))
                {
                    if !names.insert(name).inserted { return name }
                    isName = false
                }
                bytes = bytes[end...]
            default: break
            }
            bytes = bytes.dropFirst()
        }
        return nil
    }

    /// Throws 400 for a member that is not known.
    func require(known: [String]) throws {
        guard let unknown = members.keys.sorted().first(where: { !known.contains($0) }) else { return }
        throw HTTPError(
            .badRequest, message: "Unknown field '\(unknown.prefix(100))'; known are: \(known.joined(separator: ", ")).")
    }

    /// Returns a member that is text; nil if it is missing or null.
    func text(_ name: String) throws -> String? {
        switch members[name] {
        case nil, .null: return nil
        case .text(let text): return text
        case .flag, .texts, .other:
            throw HTTPError(.badRequest, message: "Field '\(name)' must be text, or be left out.")
        }
    }

    /// Returns the members of some names: text, a list for a name that is repeatable, and true or false where a parameter has
    /// these words.
    func pairs(_ names: [String]) throws -> IngestParameters.Pairs {
        try names.flatMap { name in try texts(name).map { (name: name, value: $0) } }
    }

    private func texts(_ name: String) throws -> [String] {
        switch members[name] {
        case .texts(let texts) where ReadingParameters.repeatable.contains(name): return texts
        case .other where ReadingParameters.repeatable.contains(name):
            throw HTTPError(.badRequest, message: "Field '\(name)' must be a list of texts, or be left out.")
        case .flag(let flag) where name == ReadingOptions.Option.decimalComma.rawValue || name == "dry_run":
            return [flag ? "true" : "false"]
        default: return try [text(name)].compactMap(\.self)
        }
    }
}
