import Foundation
import Hummingbird

/// The JSON body of a request to fetch a file: `{"url": "https://…", "filename": "trips.csv"}`, the name being optional.
struct UploadByURL {
    let url: String
    let filename: String?

    private static let example = #"send {"url": "https://HOST/trips.csv"}"#

    /// Reads a body; throws 400 for one of another shape.
    init(_ text: String) throws {
        guard let fields = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] else {
            throw HTTPError(.badRequest, message: "The body is no JSON object; \(Self.example).")
        }
        if let unknown = fields.keys.sorted().first(where: { !["url", "filename"].contains($0) }) {
            throw HTTPError(.badRequest, message: "Unknown field '\(unknown.prefix(100))'; known are: url, filename.")
        }
        guard let url = fields["url"] as? String, !url.isEmpty else {
            throw HTTPError(.badRequest, message: "Field 'url' must be the URL of a file, as text; \(Self.example).")
        }
        self.url = url
        switch fields["filename"] {
        case nil, is NSNull: filename = nil
        case let name as String: filename = name
        default: throw HTTPError(.badRequest, message: "Field 'filename' must be text, or be left out.")
        }
    }
}
