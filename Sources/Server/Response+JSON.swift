import HTTPTypes
import HummingbirdCore
import NIOCore
import TripModel

/// The two shapes of every JSON answer: a complete body, and an error.
extension Response {
    /// Makes a response of JSON text.
    static func json(_ text: String, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]) -> Response {
        content(ByteBuffer(string: text), type: "application/json", status: status, headers: headers)
    }

    /// Makes a response of JSON that counts in the budget until it is sent.
    static func json(_ answer: AdmittedAnswer) -> Response {
        guard let reservation = answer.reservation else { return content(answer.bytes, type: "application/json") }
        let bytes = answer.bytes
        let body = ResponseBody(contentLength: bytes.readableBytes) { writer in
            // In pieces, so that one is copied when the client has read the previous ones; copies, so that the last of them
            // doesn't keep all.
            var rest = bytes
            while let piece = rest.readSlice(length: min(ServerLimits.largeAnswerByteCount, rest.readableBytes)),
                piece.readableBytes > 0
            {
                try await writer.write(ByteBuffer(bytes: piece.readableBytesView))
            }
            try await writer.finish(nil)
            withExtendedLifetime(reservation) {}
        }
        return Response(status: .ok, headers: [.contentType: "application/json"], body: body)
    }

    /// Makes the response `{"detail": "..."}`.
    static func error(_ status: HTTPResponse.Status, _ detail: String, headers: HTTPFields = [:]) -> Response {
        var writer = JSONWriter()
        writer.object {
            $0.key("detail")
            $0.value(detail)
        }
        return json(writer.text, status: status, headers: headers)
    }

    /// Makes a response of complete bytes.
    static func content(
        _ bytes: ByteBuffer, type: String, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
    ) -> Response {
        var fields = headers
        fields.reserveCapacity(fields.count + 4)
        fields[.contentType] = type
        return Response(status: status, headers: fields, body: ResponseBody(byteBuffer: bytes))
    }
}
