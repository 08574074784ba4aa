import Foundation
import HTTPTransport
import Testing

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// What goes over the wire, byte by byte, and what becomes of what doesn't.
@Suite(.timeLimit(.minutes(10)))
struct HTTPClientTests {
    private static func get(_ client: HTTPClient, _ url: String) throws(HTTPFailure) -> HTTPResponse {
        try client.begin(HTTPRequest(url: url), upTo: 1 << 20).wait()
    }

    /// Expects that a request fails.
    private static func expect(
        _ failure: HTTPFailure, _ request: HTTPRequest, _ client: HTTPClient = HTTPClient(), within time: Duration? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(throws: failure, sourceLocation: sourceLocation) {
            try client.begin(request, deadline: time.map { .now + $0 }, upTo: 1 << 20).wait()
        }
    }

    /// Bytes in which the loss or exchange of some is seen.
    private static func bytes(_ count: Int) -> Data {
        var bytes = Data()
        while bytes.count < count {
            bytes.append(Data("\(bytes.count)".utf8))
            bytes.append(Data(repeating: UInt8(truncatingIfNeeded: bytes.count), count: 1000))
        }
        return Data(bytes.prefix(count))
    }

    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

    @Test(
        "A request has its own fields and no other",
        arguments: [
            (HTTPMethod.get, "", "GET /a/../b?c=%20 HTTP/1.1\r\nHost: HOST\r\nX-Empty:\r\nX-Full: a b\r\n\r\n"),
            (.head, "", "HEAD /a/../b?c=%20 HTTP/1.1\r\nHost: HOST\r\nX-Empty:\r\nX-Full: a b\r\n\r\n"),
            (.delete, "", "DELETE /a/../b?c=%20 HTTP/1.1\r\nHost: HOST\r\nX-Empty:\r\nX-Full: a b\r\n\r\n"),
            (.put, "", "PUT /a/../b?c=%20 HTTP/1.1\r\nHost: HOST\r\nX-Empty:\r\nX-Full: a b\r\nContent-Length: 0\r\n\r\n"),
            (
                .post, "xyz",
                "POST /a/../b?c=%20 HTTP/1.1\r\nHost: HOST\r\nX-Empty:\r\nX-Full: a b\r\nContent-Length: 3\r\n\r\nxyz"
            ),
        ])
    func wire(method: HTTPMethod, body: String, expected: String) throws {
        let asked = Noted("")
        let server = RawServer { connection, _ in
            let text = connection.read(to: "\r\n\r\n\(body)")
            asked.change { $0 = text }
            connection.write(method == .head ? "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" : Self.ok)
        }
        // Where curl on a command line would go, and what it would say.
        for name in ["http_proxy", "ALL_PROXY"] { setenv(name, "http://127.0.0.1:9", 1) }
        let headers = HTTPHeaders([(name: "X-Empty", value: ""), (name: "X-Full", value: "a b")])
        let request = HTTPRequest(method, url: server.url("/a/../b?c=%20"), headers: headers, body: Array(body.utf8))
        let response = try HTTPClient().begin(request, upTo: 1 << 20).wait()
        #expect(
            response.status.code == 200 && response.status.reasonPhrase == "OK"
                && response.headers.first(name: "content-LENGTH") == "2")
        #expect(response.body == (method == .head ? [] : Array("hi".utf8)))
        #expect(asked.now == expected.replacingOccurrences(of: "HOST", with: "127.0.0.1:\(server.port)"))
    }

    @Test("A body of any size arrives as it is, beyond what buffers hold")
    func largeBody() throws {
        let body = Self.bytes(5_000_000)
        let server = RawServer { connection, _ in
            #expect(connection.readHead().contains("Content-Length: 5000000\r\n"))
            var received = Data()
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            while received.count < body.count, case let count = recv(connection.descriptor, &buffer, buffer.count, 0), count > 0
            {
                received += buffer[..<count]
            }
            connection.write(received == body ? Self.ok : "HTTP/1.1 500 Other Bytes\r\nContent-Length: 0\r\n\r\n")
        }
        let request = HTTPRequest(.put, url: server.url(), body: Array(body))
        #expect(try HTTPClient().begin(request, upTo: 10).wait().status == .ok)
    }

    @Test("A field or a URL that would be read as more than it is is not sent")
    func injections() {
        let server = RawServer { connection, _ in connection.write(Self.ok) }
        for value in ["a\r\nX: y", "a\nb", "a\u{0}b"] {
            let headers = HTTPHeaders([(name: "X", value: value)])
            Self.expect(.other("Invalid header field values"), HTTPRequest(url: server.url(), headers: headers))
        }
        let headers = HTTPHeaders([(name: "X: y\r\nZ", value: "1")])
        Self.expect(.other("Invalid header field names"), HTTPRequest(url: server.url(), headers: headers))
        Self.expect(.other("Invalid URL"), HTTPRequest(url: server.url("/ HTTP/1.1\r\nX: y")))
        #expect(server.connectionCount == 0)
    }

    @Test(
        "Only HTTP is spoken",
        arguments: ["file:///etc/hostname", "ftp://127.0.0.1:1/x", "gopher://127.0.0.1:1/x", "telnet://127.0.0.1:1"])
    func protocols(url: String) {
        let error = #expect(throws: HTTPFailure.self) { try Self.get(HTTPClient(), url) }
        let words = error?.description ?? ""
        #expect(words.contains("not supported") || words.contains("disabled"), "\(words)")
    }

    @Test("A redirect is an answer like others")
    func redirects() throws {
        let server = RawServer { connection, _ in
            connection.write("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")
        }
        let response = try Self.get(HTTPClient(), server.url())
        #expect(
            response.status.code == 302 && response.headers.first(name: "Location") == "/other" && server.connectionCount == 1)
    }

    @Test("A connection goes to the address, whoever the host is")
    func addresses() throws {
        let asked = Noted("")
        let server = RawServer { connection, _ in
            let head = connection.readHead()
            asked.change { $0 = head }
            connection.write(Self.ok)
        }
        var request = HTTPRequest(url: "http://trips.invalid:\(server.port)/")
        request.address = "127.0.0.1"
        #expect(try HTTPClient().begin(request, upTo: 10).wait().status == .ok)
        #expect(asked.now.contains("Host: trips.invalid:\(server.port)\r\n"))
        // Another address is another connection.
        request.address = "127.0.0.2"
        Self.expect(.unreachable("Connection refused"), request)
    }

    // MARK: Connections

    private static let keeping: @Sendable (RawServer.Connection, Int) -> Void = { connection, _ in
        while !connection.readHead().isEmpty { connection.write(ok) }
    }

    @Test("A connection is used again, and closed with the client")
    func keepsConnections() throws {
        let isClosed = Noted(false)
        let server = RawServer { connection, number in
            Self.keeping(connection, number)
            isClosed.change { $0 = true }
        }
        let client = HTTPClient()
        for _ in 0..<5 { #expect(try Self.get(client, server.url()).body == Array("hi".utf8)) }
        #expect(server.connectionCount == 1)
        client.close()
        #expect(isClosed.wait { $0 })
        Self.expect(.closed, HTTPRequest(url: server.url()), client)
    }

    @Test("An idle connection is closed, and a new one is made")
    func idles() throws {
        let closedCount = Noted(0)
        let server = RawServer { connection, number in
            Self.keeping(connection, number)
            closedCount.change { $0 += 1 }
        }
        var options = HTTPClient.Options()
        options.idleSeconds = 1
        let client = HTTPClient(options)
        for count in 1...2 {
            #expect(try Self.get(client, server.url()).status == .ok)
            #expect(closedCount.wait { $0 == count } == count)
        }
    }

    @Test("Of many requests to one server a few are under way at once, and none is lost")
    func bounded() throws {
        let state = Noted((now: 0, most: 0))
        let server = RawServer { connection, _ in
            while !connection.readHead().isEmpty {
                state.change { $0 = (now: $0.now + 1, most: max($0.most, $0.now + 1)) }
                Thread.sleep(forTimeInterval: 0.002)
                state.change { $0.now -= 1 }
                connection.write(Self.ok)
            }
        }
        var options = HTTPClient.Options()
        options.connectionCountMax = 3
        let client = HTTPClient(options)
        let exchanges = (0..<100).map { _ in client.begin(HTTPRequest(url: server.url()), upTo: 10) }
        for exchange in exchanges { #expect(try exchange.wait().status == .ok) }
        #expect((1...3).contains(state.now.most) && server.connectionCount <= 3)
    }

    @Test("A body is sent once, even if a reused connection breaks")
    func sentOnce() throws {
        let bodyCount = Noted(0)
        let server = RawServer { connection, _ in
            while case let head = connection.readHead(), !head.isEmpty {
                if head.hasPrefix("POST") {
                    _ = connection.read(to: "x")
                    bodyCount.change { $0 += 1 }
                    return
                }
                connection.write(Self.ok)
            }
        }
        let client = HTTPClient()
        #expect(try Self.get(client, server.url()).status == .ok)
        Self.expect(
            .connectionClosed, HTTPRequest(.post, url: server.url(), body: [UInt8](repeating: 0x78, count: 100)), client)
        #expect(bodyCount.now == 1)
    }

    // MARK: Ends

    @Test("What stays silent ends at its time, with what it waited for")
    func times() throws {
        let server = RawServer { connection, _ in
            _ = connection.readHead()
            _ = connection.read(to: "never")
        }
        Self.expect(.deadlineExceeded, HTTPRequest(url: server.url()), within: .milliseconds(100))
        var options = HTTPClient.Options()
        options.readTimeout = .milliseconds(100)
        Self.expect(.readTimeout, HTTPRequest(url: server.url()), HTTPClient(options))
        let deaf = RawServer { _, _ in Thread.sleep(forTimeInterval: 5) }
        options = HTTPClient.Options()
        options.writeTimeout = .milliseconds(200)
        let large = HTTPRequest(.put, url: deaf.url(), body: [UInt8](repeating: 0, count: 64 << 20))
        Self.expect(.writeTimeout, large, HTTPClient(options))
    }

    @Test(
        "A truncated response is an error",
        arguments: [
            "", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
        ])
    func breaks(answer: String) {
        let server = RawServer { connection, _ in
            _ = connection.readHead()
            connection.write(answer)
        }
        Self.expect(.connectionClosed, HTTPRequest(url: server.url()))
    }

    @Test("What is too large is not kept")
    func bounds() {
        let heads = RawServer { connection, _ in
            _ = connection.readHead()
            connection.write("HTTP/1.1 200 OK\r\n")
            while connection.write("X: \(String(repeating: "y", count: 1000))\r\n") {}
        }
        Self.expect(.other("the head of the response is too large"), HTTPRequest(url: heads.url()))
        let bodies = RawServer { connection, _ in
            _ = connection.readHead()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
            while connection.write(String(repeating: "z", count: 1000)) {}
        }
        Self.expect(.tooLarge, HTTPRequest(url: bodies.url()))
    }

    @Test("The response counts that comes after others, or before all was sent")
    func order() throws {
        let server = RawServer { connection, _ in
            _ = connection.readHead()
            connection.write("HTTP/1.1 103 Early Hints\r\nX: early\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
            connection.write("HTTP/1.1 299 So And So\r\nX: late\r\nContent-Length: 0\r\n\r\n")
        }
        let response = try Self.get(HTTPClient(), server.url())
        #expect(response.status.code == 299 && response.status.reasonPhrase == "So And So")
        #expect(response.headers.fields.map(\.value) == ["late", "0"])
        let refusing = RawServer { connection, _ in
            _ = connection.readHead()
            connection.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
            _ = connection.read(to: "never")
        }
        let large = HTTPRequest(.put, url: refusing.url(), body: [UInt8](repeating: 0, count: 64 << 20))
        #expect(try HTTPClient().begin(large, upTo: 10).wait().status.code == 403)
    }

    @Test("A caller that gives up releases the connection and is notified once")
    func cancels() async throws {
        let isClosed = Noted(0)
        let server = RawServer { connection, _ in
            _ = connection.readHead()
            _ = connection.read(to: "never")
            isClosed.change { $0 += 1 }
        }
        let client = HTTPClient()
        let told = Noted<[HTTPFailure?]>([])
        let exchange = client.begin(HTTPRequest(url: server.url()), upTo: 10)
        exchange.whenDone { failure in told.change { $0.append(failure) } }
        while server.connectionCount == 0 { try await Task.sleep(for: .milliseconds(5)) }
        exchange.cancel()
        exchange.cancel()
        #expect(throws: HTTPFailure.cancelled) { try exchange.wait() }
        #expect(told.now == [.cancelled])
        let task = Task { try await client.exchange(HTTPRequest(url: server.url()), within: .seconds(600), upTo: 10) }
        while server.connectionCount == 1 { try await Task.sleep(for: .milliseconds(5)) }
        task.cancel()
        await #expect(throws: HTTPFailure.cancelled) { try await task.value }
        while isClosed.now < 2 { try await Task.sleep(for: .milliseconds(5)) }
    }

    @Test("An unread stream makes its server wait, and loses no byte")
    func backPressure() async throws {
        let body = Self.bytes(64 << 20)
        let sentCount = Noted(0)
        let server = RawServer { connection, _ in
            _ = connection.readHead()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n\r\n")
            _ = connection.write(Array(body)) { count in sentCount.change { $0 = count } }
        }
        let stream = try await HTTPClient().open(HTTPRequest(url: server.url()))
        var last = -1
        while sentCount.now != last {
            last = sentCount.now
            try await Task.sleep(for: .milliseconds(300))
        }
        // What the sockets hold, and some of ours.
        #expect(last < 32 << 20)
        var received = Data()
        while let bytes = try await stream.body.next() {
            #expect(bytes.count <= 1 << 20)
            received += bytes
        }
        #expect(received == body)
    }

    @Test("A stream that is let go of closes its connection")
    func letsGo() async throws {
        let isClosed = Noted(false)
        let server = RawServer { connection, _ in
            _ = connection.readHead()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
            while connection.write(String(repeating: "z", count: 100_000)) {}
            isClosed.change { $0 = true }
        }
        let client = HTTPClient()
        #expect(try await client.open(HTTPRequest(url: server.url())).status == .ok)
        while !isClosed.now { try await Task.sleep(for: .milliseconds(5)) }
    }
}
