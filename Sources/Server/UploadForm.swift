import HTTPTypes
import Ingestion
import NIOCore
import TripModel

/// Receives a `multipart/form-data` body.
///
/// The files of the fields `file` and `places` go to disk, fields before or after it that are named like parameters say how it is read, and other
/// fields are ignored.
struct UploadForm {
    private let directory: String
    private let bounds: IngestionBounds
    private var bodyByteCount = 0
    /// The name that the request gives the file, whatever the form says.
    private let name: UploadName?
    private var parser: MultipartParser
    private var upload: (writer: UploadWriter, filename: UploadName)?
    private var isInFile = false
    private var places: (writer: UploadWriter, filename: String)?
    private var isInPlaces = false
    /// The fields that have arrived.
    private var fields: IngestParameters.Pairs = []
    /// The field that is arriving.
    private var field: (name: String, value: ByteBuffer)?

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
            case .partBegan(name: "places", filename: let filename?): try await beginPlaces(filename)
            case .partBegan(let name, filename: nil) where IngestParameters.bodyNames.contains(name):
                field = (name, ByteBuffer())
            case .partBegan(let name, filename: nil): try Self.requireNotMisspelt(name)
            case .partData(let data) where isInFile: try await upload?.writer.append(data)
            case .partData(let data) where isInPlaces: try await takePlaces(data)
            case .partData(let data): try takeField(data)
            case .partEnded:
                isInFile = false
                isInPlaces = false
                try endField()
            default: break
            }
        }
    }

    /// Throws 400 for a field that is almost named like an option: the file would be read without it.
    private static func requireNotMisspelt(_ name: String) throws {
        guard let meant = Misspelling.meant(by: name, among: IngestParameters.bodyNames) else { return }
        throw HTTPError(
            .badRequest, message: "The form's field '\(name.prefix(100))' is unknown; if \(meant) is meant, name it so.")
    }

    private mutating func takeField(_ data: ByteBuffer) throws {
        guard let name = field?.name else { return }
        field?.value.writeImmutableBuffer(data)
        guard let byteCount = field?.value.readableBytes, byteCount > ServerLimits.formFieldByteCountMax else { return }
        throw HTTPError(
            .badRequest,
            message:
                "The form's field '\(name)' is longer than \(ServerLimits.formFieldByteCountMax.grouped) bytes; shorten it.")
    }

    private mutating func endField() throws {
        guard let (name, value) = field.take() else { return }
        guard let text = String(validating: value.readableBytesView, as: UTF8.self) else {
            throw HTTPError(.badRequest, message: "The form's field '\(name)' is not UTF-8; encode it as UTF-8.")
        }
        // What Swagger UI sends if no file of places was chosen.
        if name == ReadingOptions.Option.places.rawValue, text.isEmpty { return }
        guard fields.count < ServerLimits.formFieldCountMax else {
            throw HTTPError(
                .badRequest,
                message: "The form has more than \(ServerLimits.formFieldCountMax) fields; leave out those it does not need.")
        }
        fields.append((name: name, value: text))
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

    // MARK: Places

    private mutating func beginPlaces(_ filename: String) async throws {
        guard places == nil else {
            throw HTTPError(.badRequest, message: "The form has more than one file of places; join them into one.")
        }
        if filename.isEmpty { return }
        let name = filename.split { $0 == "/" || $0 == "\\" }.last.map(String.init) ?? filename
        places = (try await UploadWriter(directory: directory, bounds), String(name.prefix(200)))
        isInPlaces = true
    }

    private mutating func takePlaces(_ data: ByteBuffer) async throws {
        try await places?.writer.append(data)
        guard places?.writer.byteCount ?? 0 <= Limits.placesByteCountMax else {
            throw HTTPError(
                .contentTooLarge,
                message:
                    "The file of places is larger than \(Limits.placesByteCountMax.grouped) bytes; leave out what no trip needs."
            )
        }
    }

    /// Closes the file of places, if there is one.
    mutating func finishPlaces() async throws -> ReceivedPlaces? {
        try await places?.writer.finish()
        return places.map { ReceivedPlaces(path: $0.writer.path, filename: $0.filename) }
    }

    /// Deletes the file of places, which the store has read.
    mutating func discardPlaces() async { await places.take()?.writer.discard() }

    /// Closes the file, at the end of the body.
    mutating func finish() async throws -> (writer: UploadWriter, filename: UploadName, fields: IngestParameters.Pairs) {
        try parser.finish()
        guard let upload else {
            throw HTTPError(
                .badRequest,
                message: "The form has no file in its field 'file'; send one, for example with curl -F file=@trips.csv.")
        }
        try await self.upload?.writer.finish()
        return (self.upload?.writer ?? upload.writer, upload.filename, fields)
    }

    /// Deletes the files, if there are any.
    func discard() async {
        await upload?.writer.discard()
        await places?.writer.discard()
    }
}

/// A file of places that a request has.
struct ReceivedPlaces: Sendable {
    let path: String
    /// For messages.
    let filename: String
}
