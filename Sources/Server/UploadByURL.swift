import Foundation
import HTTPTypes
import NIOCore

/// The JSON body of a request to fetch a file: `{"url": "https://…", "filename": "trips.csv"}`; the name is optional.
struct UploadByURL {
    let url: String
    let filename: String?
    let duplicate: String?

    private static let example = #"send {"url": "https://HOST/trips.csv"}"#

    /// Parses a body; throws 400 for one of another shape.
    init(_ body: ByteBuffer) throws {
        guard let text = String(validating: body.readableBytesView, as: UTF8.self),
            let fields = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        else {
            throw HTTPError(.badRequest, message: "The body is not a JSON object; \(Self.example).")
        }
        if let unknown = fields.keys.sorted().first(where: { !["url", "filename", "duplicate"].contains($0) }) {
            throw HTTPError(
                .badRequest, message: "Unknown field '\(unknown.prefix(100))'; known are: url, filename, duplicate.")
        }
        guard let url = fields["url"] as? String, !url.isEmpty else {
            throw HTTPError(.badRequest, message: "Field 'url' must be the URL of a file, as text; \(Self.example).")
        }
        self.url = url
        filename = try Self.text("filename", in: fields)
        duplicate = try Self.text("duplicate", in: fields)
    }

    private static func text(_ name: String, in fields: [String: Any]) throws -> String? {
        switch fields[name] {
        case nil, is NSNull: return nil
        case let text as String: return text
        default: throw HTTPError(.badRequest, message: "Field '\(name)' must be text, or be left out.")
        }
    }
}
