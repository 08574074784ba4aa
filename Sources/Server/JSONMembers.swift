import Foundation
import Hummingbird
import NIOCore
import TripModel
import TripstoreAPI

/// The members of a request's JSON object as name-value pairs, which are checked like parameters.
struct JSONMembers {
    private let members: [String: Any]

    /// Parses a body; throws 400 for anything but an object.
    ///
    /// - Parameter example: what to send, as the end of a sentence.
    init(_ body: ByteBuffer, example: String) throws {
        guard let text = String(validating: body.readableBytesView, as: UTF8.self),
            let members = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        else {
            throw HTTPError(.badRequest, message: "The body is not a JSON object; \(example).")
        }
        self.members = members
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
        case nil, is NSNull: return nil
        case let text as String: return text
        default: throw HTTPError(.badRequest, message: "Field '\(name)' must be text, or be left out.")
        }
    }

    /// Returns the members of some names: text, a list for a name that is repeatable, and true or false where a parameter has
    /// these words.
    func pairs(_ names: [String]) throws -> IngestParameters.Pairs {
        try names.flatMap { name in try texts(name).map { (name: name, value: $0) } }
    }

    private func texts(_ name: String) throws -> [String] {
        switch members[name] {
        case let list as [Any] where ReadingParameters.repeatable.contains(name):
            guard let texts = list as? [String] else {
                throw HTTPError(.badRequest, message: "Field '\(name)' must be a list of texts, or be left out.")
            }
            return texts
        case let flag as Bool where name == ReadingOptions.Option.decimalComma.rawValue: return [flag ? "true" : "false"]
        default: return try [text(name)].compactMap(\.self)
        }
    }
}
