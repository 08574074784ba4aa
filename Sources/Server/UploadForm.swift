import HTTPTypes
import Ingestion
import NIOCore
import TripModel

/// Receives a `multipart/form-data` body.
///
/// The file of the field `file` goes to disk, the field `duplicate` before or after it says whether it may be a duplicate, and
/// other fields are ignored.
struct UploadForm {
    private let directory: String
    private let bounds: IngestionBounds
    private var bodyByteCount = 0
    /// The name that the request gives the file, whatever the form says.
    private let name: UploadName?
    private var parser: MultipartParser
    private var upload: (writer: UploadWriter, filename: UploadName)?
    private var isInFile = false
    /// The value of the field `duplicate`, as far as it has arrived.
    private var duplicate: ByteBuffer?
    private var isInDuplicate = false

    /// Makes a form that writes its file to a directory.
    init(
        name: UploadName?, boundary: String, directory: String, _ bounds: IngestionBounds
    ) throws(MultipartParser.Failure) {
        self.bounds = bounds
        parser = try MultipartParser(boundary: boundary)
        self.directory = directory
        self.name = name
    }

    /// Processes the next piece of the body.
    mutating func take(_ piece: ByteBuffer) async throws {
        bodyByteCount += piece.readableBytes
        try UploadBound.require(bodyByteCount - ServerLimits.formByteCountMax, bounds)
        parser.append(piece)
        while let event = try parser.next() {
            switch event {
            case .partBegan(name: "file", filename: let filename?): try await beginFile(filename)
            case .partBegan(name: "duplicate", filename: nil):
                duplicate = ByteBuffer()
                isInDuplicate = true
            case .partData(let data) where isInFile: try await upload?.writer.append(data)
            case .partData(let data) where isInDuplicate:
                // No more than needed to see that it is none of the values.
                let room = DuplicatePolicy.byteCountMax - (duplicate?.readableBytes ?? 0)
                duplicate?.writeBytes(data.readableBytesView.prefix(room))
            case .partEnded:
                isInFile = false
                isInDuplicate = false
            default: break
            }
        }
    }

    private mutating func beginFile(_ filename: String) async throws {
        guard upload == nil else {
            throw HTTPError(.badRequest, message: "The form has more than one file; send each in a request of its own.")
        }
        // What a browser sends if no file was chosen.
        if filename.isEmpty { return }
        let name = try name ?? UploadName(filename)
        upload = (try await UploadWriter(directory: directory, bounds), name)
        isInFile = true
    }

    /// Closes the file, at the end of the body.
    mutating func finish() async throws -> (writer: UploadWriter, filename: UploadName, policy: DuplicatePolicy?) {
        try parser.finish()
        let policy = try duplicate.map { try DuplicatePolicy($0.readableBytesView.isEmpty ? "" : String(buffer: $0)) }
        guard let upload else {
            throw HTTPError(
                .badRequest,
                message: "The form has no file in its field 'file'; send one, for example with curl -F file=@trips.csv.")
        }
        try await self.upload?.writer.finish()
        return (self.upload?.writer ?? upload.writer, upload.filename, policy)
    }

    /// Deletes the file, if there is one.
    func discard() async { await upload?.writer.discard() }
}
