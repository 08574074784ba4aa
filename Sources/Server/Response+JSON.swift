import ColumnStore
import HTTPTypes
import Hummingbird
import NIOCore

/// The two shapes of every JSON answer: a body that is ready, and an error.
extension Response {
    /// Makes a response of JSON text.
    static func json(_ text: String, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]) -> Response {
        content(ByteBuffer(string: text), type: "application/json", status: status, headers: headers)
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

    /// Makes a response of bytes that are ready.
    static func content(
        _ bytes: ByteBuffer, type: String, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
    ) -> Response {
        var fields = headers
        fields.reserveCapacity(fields.count + 4)
        fields[.contentType] = type
        return Response(status: status, headers: fields, body: ResponseBody(byteBuffer: bytes))
    }
}
