import HTTPTypes
import Ingestion
import LocalStore
import NIOCore
import Testing
import TripModel

@Suite(.timeLimit(.minutes(10)))
struct WebSocketTests {
    private static let (text, close, ping, pong): (UInt8, UInt8, UInt8, UInt8) = (1, 8, 9, 10)

    private static func subscribers(_ server: ServerFixture) async throws -> Int {
        try await server.metric(#"tripstore_progress_subscribers{transport="websocket"}"#)
    }

    /// Follows a job to the close: its messages and the code of the close.
    private static func follow(_ job: Int64, port: Int) async throws -> (messages: [String], code: UInt16?) {
        let connection = try await RawConnection.open(port: port)
        let head = try await connection.upgrade(job: job)
        #expect(head.hasPrefix("HTTP/1.1 101 "))
        var messages: [String] = []
        while true {
            let frame = try await connection.frame()
            if frame.opcode == close {
                try await connection.send(RawConnection.frame(opcode: close, Array(frame.data.readableBytesView)))
                // The server ends the connection once its close is answered.
                await #expect(throws: RawConnection.Closed.self) { try await connection.frame() }
                try await connection.close()
                return (messages, frame.closeCode)
            }
            #expect(frame.opcode == text)
            messages.append(frame.text)
        }
    }

    @Test func handsTenSubscribersOneEncoding() async throws {
        try await ServerFixture.run(ingests: false) { server in
            let id = try await server.upload()
            let port = server.port
            let results = try await withThrowingTaskGroup(of: (messages: [String], code: UInt16?).self) { group in
                for _ in 0..<10 { group.addTask { try await Self.follow(id, port: port) } }
                try await server.until { try await Self.subscribers(server) == 10 }
                // Each has got the snapshot.
                try await server.until { try await server.metric("tripstore_progress_deliveries_total") == 10 }
                server.store.jobs.start()
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let messages = results[0].messages
            for result in results {
                #expect(result.messages == messages)
                #expect(result.code == 1000)
            }
            #expect(messages.first?.contains(#""status":"pending""#) == true)
            try server.expectProgress(messages.last, of: id, .completed)
            #expect(messages.dropLast().allSatisfy { !$0.contains(#""status":"completed""#) })
            #expect(try await server.metric("tripstore_progress_encodings_total") == messages.count)
            #expect(try await Self.subscribers(server) == 0)
        }
    }

    @Test func tellsThoseWhoComeAfterTheEnd() async throws {
        try await ServerFixture.run { server in
            for (csv, status) in [(ServerFixture.csv, Job.Status.completed), ("nonsense\n", .failed)] {
                let id = try await server.upload(csv)
                _ = try await server.finished(id)
                let (messages, code) = try await Self.follow(id, port: server.port)
                #expect(messages.count == 1)
                try server.expectProgress(messages.first, of: id, status)
                #expect(code == 1000)
            }
        }
    }

    @Test func tellsOfACancelledJob() async throws {
        try await ServerFixture.run(ingests: false) { server in
            let id = try await server.upload()
            async let result = Self.follow(id, port: server.port)
            try await server.until { try await server.metric("tripstore_progress_deliveries_total") == 1 }
            #expect(try await server.send(.delete, "/jobs/\(id)").status == .ok)
            let (messages, code) = try await result
            #expect(messages.count == 2)
            #expect(messages.last?.contains(#""status":"cancelled""#) == true)
            #expect(code == 1000)
        }
    }

    @Test func refusesAnUnknownJobInJSON() async throws {
        try await ServerFixture.run(ingests: false) { server in
            let connection = try await RawConnection.open(port: server.port)
            let head = try await connection.upgrade(job: 7)
            #expect(head.hasPrefix("HTTP/1.1 404 "))
            let body = #"{"detail":"Job not found"}"#
            #expect(head.contains("Content-Length: \(body.utf8.count)\r\n"))
            #expect(try await connection.text(byteCount: body.utf8.count) == body)
            #expect(head.contains("Connection: close\r\n"))
            await #expect(throws: RawConnection.Closed.self) { try await connection.frame() }
            try await connection.close()
        }
    }

    @Test func computesTheAcceptOfTheHandshake() async throws {
        try await ServerFixture.run(ingests: false) { server in
            let id = try await server.upload()
            let connection = try await RawConnection.open(port: server.port)
            // The example of RFC 6455, section 1.3.
            #expect(
                try await connection.upgrade(job: id).lowercased().contains(
                    "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"))
            try await connection.close()
            try await server.until { try await Self.subscribers(server) == 0 }
        }
    }

    @Test func saysHowToConnectToThoseWhoDoNotUpgrade() async throws {
        try await ServerFixture.run(ingests: false) { server in
            let id = try await server.upload()
            try await server.expectError(
                .get, "/ws/ingestion/\(id)", 426,
                "Open this path as a WebSocket with the first request of a new connection, or GET /jobs/\(id)/events.")
        }
    }

    @Test func answersPingsAndReturnsTheClientsClose() async throws {
        try await ServerFixture.run(ingests: false) { server in
            let id = try await server.upload()
            let connection = try await RawConnection.open(port: server.port)
            // A ping right behind the request, which the HTTP decoder has read already.
            _ = try await connection.upgrade(job: id, behind: RawConnection.frame(opcode: Self.ping, Array("early".utf8)))
            var frames = [try await connection.frame(), try await connection.frame()]
            frames.sort { $0.opcode < $1.opcode }
            #expect(frames.map(\.opcode) == [Self.text, Self.pong])
            #expect(frames[1].text == "early")
            try await connection.send(RawConnection.frame(opcode: Self.text, Array("ignored".utf8)))
            try await connection.send(RawConnection.frame(opcode: Self.close, [0x03, 0xe9]))
            let frame = try await connection.frame()
            #expect(frame.opcode == Self.close)
            #expect(frame.closeCode == 1001)
            await #expect(throws: RawConnection.Closed.self) { try await connection.frame() }
            try await connection.close()
            try await server.until { try await Self.subscribers(server) == 0 }
        }
    }

    @Test(
        arguments: [
            (RawConnection.frame(opcode: 1, [1, 2, 3], isMasked: false), 1002),
            (RawConnection.frame(opcode: 3, []), 1002),
            // A length of eight bytes: one more than 64 KiB.
            (ByteBuffer(bytes: [0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 1, 1, 2, 3, 4]), 1009),
            (RawConnection.frame(opcode: 9, [UInt8](repeating: 0, count: 126)), 1002),
            (RawConnection.frame(opcode: 1, [0xc0, 0x80]), 1007),
            (RawConnection.frame(opcode: 8, [0x03, 0xed]), 1002),
        ] as [(ByteBuffer, UInt16)])
    func endsConnectionsThatBreakTheProtocol(bytes: ByteBuffer, code: UInt16) async throws {
        try await ServerFixture.run(ingests: false) { server in
            let id = try await server.upload()
            let connection = try await RawConnection.open(port: server.port)
            _ = try await connection.upgrade(job: id)
            #expect(try await connection.frame().opcode == Self.text)
            try await connection.send(bytes)
            let frame = try await connection.frame()
            #expect(frame.opcode == Self.close)
            #expect(frame.closeCode == code)
            try await server.until { try await Self.subscribers(server) == 0 }
            try await connection.close()
        }
    }

    @Test func dropsAClientThatAnswersNoPing() async throws {
        try await ServerFixture.run(ingests: false, pingInterval: .milliseconds(100)) { server in
            let id = try await server.upload()
            let connection = try await RawConnection.open(port: server.port)
            _ = try await connection.upgrade(job: id)
            var opcodes: [UInt8] = []
            await #expect(throws: RawConnection.Closed.self) {
                while true { opcodes.append(try await connection.frame().opcode) }
            }
            // Whether the message goes out before the second ping is unanswered depends on how busy the machine is.
            #expect(opcodes.filter { $0 != Self.text } == [Self.ping, Self.ping])
            try await server.until { try await Self.subscribers(server) == 0 }
            try await connection.close()
        }
    }

    @Test func saysGoodbyeWhenTheServerStops() async throws {
        let pair = Pair()
        try await ServerFixture.run(ingests: false) { server in
            let id = try await server.upload()
            let connection = try await RawConnection.open(port: server.port)
            _ = try await connection.upgrade(job: id)
            #expect(try await connection.frame().opcode == Self.text)
            let silent = try await RawConnection.open(port: server.port)
            let events = try await RawConnection.open(port: server.port)
            try await events.send("GET /jobs/\(id)/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            _ = try await events.head()
            await pair.set([connection, silent, events])
            // The server ends with this closure and waits for its connections, so the goodbyes are read beside it.
            await pair.read()
        }
        let frame = try #require(await pair.frame)
        #expect(frame.opcode == Self.close)
        #expect(frame.closeCode == 1001)
        #expect(await pair.eventsText.hasSuffix("\r\n0\r\n\r\n"))
    }

    /// Reads what a stopping server says on three connections.
    private actor Pair {
        private var connections: [RawConnection] = []
        private var reading: [Task<Void, Never>] = []
        private var received: RawConnection.Frame?
        private var receivedText = ""

        var frame: RawConnection.Frame? {
            get async {
                for task in reading { await task.value }
                return received
            }
        }
        var eventsText: String { receivedText }

        func set(_ connections: [RawConnection]) { self.connections = connections }

        func read() {
            let (socket, silent, events) = (connections[0], connections[1], connections[2])
            reading = [
                Task {
                    guard let frame = try? await socket.frame() else { return }
                    received = frame
                    try? await socket.send(RawConnection.frame(opcode: frame.opcode, Array(frame.data.readableBytesView)))
                    try? await socket.close()
                },
                Task { try? await silent.waitForEnd() },
                Task { while let text = try? await events.text(byteCount: 1) { receivedText += text } },
            ]
        }
    }
}
