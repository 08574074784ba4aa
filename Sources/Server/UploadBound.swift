import HTTPTypes
import Hummingbird
import TripModel

/// How large an upload may be: what its head says is looked at before a byte is read, and what comes is counted.
enum UploadBound {
    /// Refuses a file of more bytes than the operator allows.
    static func require(_ byteCount: Int, _ bounds: LoadBounds) throws {
        guard let most = bounds.uploadByteCountMax, byteCount > most else { return }
        throw HTTPError(
            .contentTooLarge,
            message:
                "The upload is larger than the \(most.grouped) bytes that this server takes (MAX_UPLOAD_BYTES); compress or divide the file."
        )
    }

    /// Refuses a request whose body is sure to have a larger file, where it says so.
    ///
    /// - Parameter slack: bytes of the body that need not be the file's.
    static func require(_ request: Request, slack: Int = 0, _ bounds: LoadBounds) throws {
        guard let length = request.headers[.contentLength].flatMap({ Int($0) }) else { return }
        try require(length - slack, bounds)
    }
}
