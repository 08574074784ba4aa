import NIOCore
import NIOPosix

/// A bare TCP connection for what an HTTP client would not do: break off, upgrade, speak WebSocket badly.
actor RawConnection {
    private let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>
    private var received = ByteBuffer()
    private let pieces: AsyncThrowingStream<ByteBuffer, any Error>
    private var iterator: AsyncThrowingStream<ByteBuffer, any Error>.Iterator
    private let reader: Task<Void, Never>

    /// A frame from the server.
    struct Frame: Equatable {
        var opcode: UInt8
        var data: ByteBuffer
        var text: String { String(buffer: data) }
        /// The status of a close frame.
        var closeCode: UInt16? { data.getInteger(at: data.readerIndex) }
    }

    struct Closed: Error {}

    static func open(port: Int) async throws -> RawConnection {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return RawConnection(channel)
    }

    private init(_ channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>) {
        self.channel = channel
        let (pieces, continuation) = AsyncThrowingStream.makeStream(of: ByteBuffer.self)
        self.pieces = pieces
        iterator = pieces.makeAsyncIterator()
        reader = Task {
            try? await channel.executeThenClose { inbound, _ in
                for try await piece in inbound { continuation.yield(piece) }
            }
            continuation.finish()
        }
    }

    func send(_ text: String) async throws { try await send(ByteBuffer(string: text)) }

    func send(_ bytes: ByteBuffer) async throws { try await channel.channel.writeAndFlush(bytes) }

    func close() async throws {
        try? await channel.channel.close()
        await reader.value
    }

    /// Returns an HTTP head, up to its empty line.
    func head() async throws -> String {
        while true {
            if let range = received.readableBytesView.firstRange(of: Array("\r\n\r\n".utf8)) {
                return received.readString(length: range.upperBound - received.readerIndex)!
            }
            try await read()
        }
    }

    /// Returns a number of bytes as text.
    func text(byteCount: Int) async throws -> String {
        while received.readableBytes < byteCount { try await read() }
        return received.readString(length: byteCount)!
    }

    /// Returns once the server has ended the connection.
    func waitForEnd() async throws {
        while true { try await read() }
    }

    private func read() async throws {
        var iterator = iterator
        guard let piece = try await iterator.next(isolation: #isolation) else { throw Closed() }
        self.iterator = iterator
        received.writeImmutableBuffer(piece)
    }

    // MARK: WebSocket, https://www.rfc-editor.org/rfc/rfc6455#section-5.2

    /// Asks for the progress of a job and returns the head of the answer; frames may be sent right behind the request.
    func upgrade(job: Int64, behind frames: ByteBuffer = ByteBuffer()) async throws -> String {
        var request = Self.upgradeRequest(job: job)
        request.writeImmutableBuffer(frames)
        try await send(request)
        return try await head()
    }

    static func upgradeRequest(job: Int64) -> ByteBuffer {
        ByteBuffer(
            string:
                "GET /ws/ingestion/\(job) HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\n"
                + "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    }

    static func frame(opcode: UInt8, _ data: [UInt8], isMasked: Bool = true) -> ByteBuffer {
        var frame = ByteBuffer()
        frame.writeInteger(0x80 | opcode)
        let mask: [UInt8] = isMasked ? [1, 2, 3, 4] : []
        let flag: UInt8 = isMasked ? 0x80 : 0
        if data.count < 126 {
            frame.writeInteger(flag | UInt8(data.count))
        } else {
            frame.writeInteger(flag | 126)
            frame.writeInteger(UInt16(data.count))
        }
        frame.writeBytes(mask)
        frame.writeBytes(data.enumerated().map { isMasked ? $1 ^ mask[$0 % 4] : $1 })
        return frame
    }

    /// Returns the server's next frame.
    func frame() async throws -> Frame {
        while true {
            if let frame = readFrame() { return frame }
            try await read()
        }
    }

    private func readFrame() -> Frame? {
        var bytes = received
        guard let first: UInt8 = bytes.readInteger(), let second: UInt8 = bytes.readInteger() else { return nil }
        var length = Int(second)
        if length == 126 {
            guard let long: UInt16 = bytes.readInteger() else { return nil }
            length = Int(long)
        }
        // Servers never mask, and progress is never so long that it needs eight bytes of length.
        precondition(length < 1 << 16 && second < 127)
        guard let data = bytes.readSlice(length: length) else { return nil }
        received = bytes
        return Frame(opcode: first & 15, data: data)
    }
}
