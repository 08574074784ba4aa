import Hummingbird
import NIOCore

/// Receives a `multipart/form-data` body: the file of the field `file` goes to disk, other fields are passed over.
struct UploadForm {
    private let directory: String
    private var parser: MultipartParser
    private var upload: (writer: UploadWriter, filename: UploadName)?
    private var isInFile = false

    /// Makes a form that writes its file to a directory.
    init(boundary: String, directory: String) throws(MultipartParser.Failure) {
        parser = try MultipartParser(boundary: boundary)
        self.directory = directory
    }

    /// Takes the next piece of the body.
    mutating func take(_ piece: ByteBuffer) async throws {
        parser.append(piece)
        while let event = try parser.next() {
            switch event {
            case .partBegan(name: "file", filename: let filename?): try await beginFile(filename)
            case .partData(let data) where isInFile: try await upload?.writer.append(data)
            case .partEnded: isInFile = false
            default: break
            }
        }
    }

    private mutating func beginFile(_ filename: String) async throws {
        guard upload == nil else {
            throw HTTPError(.badRequest, message: "The form has more than one file; send each in a request of its own.")
        }
        // What a browser sends where no file was chosen.
        if filename.isEmpty { return }
        let name = try UploadName(filename)
        upload = (try await UploadWriter(directory: directory), name)
        isInFile = true
    }

    /// Closes the file, at the end of the body.
    mutating func finish() async throws -> (writer: UploadWriter, filename: UploadName) {
        try parser.finish()
        guard let upload else {
            throw HTTPError(
                .badRequest,
                message: "The form has no file in its field 'file'; send one, for example with curl -F file=@trips.csv.")
        }
        try await self.upload?.writer.finish()
        return upload
    }

    /// Removes the file, if there is one.
    func discard() async { await upload?.writer.discard() }
}
