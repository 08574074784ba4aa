import HTTPTypes
import HummingbirdCore
import NIOCore
import TripModel

extension Request {
    /// Returns a body that is read as a whole; throws 413 for a large one.
    ///
    /// - Parameter remedy: what to send instead, as the end of a sentence.
    func smallBody(_ remedy: String) async throws -> ByteBuffer {
        var bytes = ByteBuffer()
        for try await piece in body {
            bytes.writeImmutableBuffer(piece)
            guard bytes.readableBytes <= ServerLimits.jsonByteCountMax else {
                throw HTTPError(
                    .contentTooLarge,
                    message: "The JSON is larger than \(ServerLimits.jsonByteCountMax.grouped) bytes; \(remedy).")
            }
        }
        return bytes
    }
}
