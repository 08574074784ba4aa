import HTTPTypes
import NIOCore

/// The JSON body of a request to fetch a file: `{"url": "https://…", "filename": "trips.csv"}`; all but the URL is optional.
struct UploadByURL {
    let url: String
    let filename: String?
    /// The other members.
    let parameters: IngestParameters.Pairs

    private static let example = #"send {"url": "https://HOST/trips.csv"}"#

    /// Parses a body; throws 400 for one of another shape.
    init(_ body: ByteBuffer) throws {
        let members = try JSONMembers(body, example: Self.example)
        try members.require(known: ["url", "filename"] + IngestParameters.bodyNames)
        guard let url = try? members.text("url"), !url.isEmpty else {
            throw HTTPError(.badRequest, message: "Field 'url' must be the URL of a file, as text; \(Self.example).")
        }
        self.url = url
        filename = try members.text("filename")
        parameters = try members.pairs(IngestParameters.bodyNames)
    }
}
