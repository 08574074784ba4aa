import HTTPTypes
import HummingbirdCore
import TripModel

/// How large an upload may be: its head is checked before a byte is read, and arriving bytes are counted.
enum UploadBound {
    /// Refuses a file with more bytes than the operator allows.
    static func require(_ byteCount: Int, _ bounds: IngestionBounds) throws {
        guard let most = bounds.uploadByteCountMax, byteCount > most else { return }
        throw HTTPError(
            .contentTooLarge,
            message:
                "The upload is larger than the \(most.grouped) bytes that this server accepts (MAX_UPLOAD_BYTES); compress or split the file."
        )
    }

    /// Refuses a request whose body must contain a larger file, if its length is given.
    ///
    /// - Parameter slack: bytes of the body that need not belong to the file.
    static func require(_ request: Request, slack: Int = 0, _ bounds: IngestionBounds) throws {
        guard let length = request.headers[.contentLength].flatMap({ Int($0) }) else { return }
        try require(length - slack, bounds)
    }
}
