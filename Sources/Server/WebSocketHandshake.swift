import Cryptography
import Foundation
import HTTPTypes
import NIOHTTP1

/// A client's valid opening handshake, and the server's answer to it.
///
/// https://www.rfc-editor.org/rfc/rfc6455#section-4.2
struct WebSocketHandshake {
    /// Why a request is not a handshake.
    enum Refusal: Error, Equatable {
        case noUpgrade
        /// The version that the client requested; empty if it named none.
        case version(String)
        case key
    }

    /// The only version; earlier ones were drafts.
    static let version = "13"
    private static let keyByteCount = 16

    /// The value of `Sec-WebSocket-Accept`.
    private let accept: String

    /// Checks a request's fields, except `Connection`, of which a route sees only a part; `values` returns all of a name.
    init(_ values: (HTTPField.Name) -> [String]) throws(Refusal) {
        guard Self.list(values(.upgrade)).contains("websocket") else { throw .noUpgrade }
        // It has no body, which would be where the first frames are.
        guard values(.transferEncoding).isEmpty, values(.contentLength).allSatisfy({ $0 == "0" }) else { throw .noUpgrade }
        let version = values(.secWebSocketVersion)
        guard version == [Self.version] else { throw .version(version.joined(separator: ", ")) }
        let keys = values(.secWebSocketKey)
        guard keys.count == 1, let key = Data(base64Encoded: keys[0]), key.count == Self.keyByteCount else { throw .key }
        let digest = SHA1.hash(keys[0] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
        accept = Data(digest).base64EncodedString()
    }

    /// Checks the request that began a connection; HTTP/1.0 has no upgrade.
    init(_ head: HTTPRequestHead) throws(Refusal) {
        guard head.method == .GET, head.version == .http1_1, Self.list(head.headers["connection"]).contains("upgrade") else {
            throw .noUpgrade
        }
        try self.init { head.headers[$0.rawName] }
    }

    /// The fields of the answer 101: it accepts no extension and no subprotocol.
    var fields: HTTPHeaders {
        HTTPHeaders([("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-accept", accept)])
    }

    private static func list(_ values: [String]) -> [String] {
        values.flatMap { $0.split(separator: ",") }.map { $0.trimmingCharacters(in: .whitespaces).lowercased() }
    }
}
