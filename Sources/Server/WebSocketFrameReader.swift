import NIOCore
import TripModel

/// Reads the frames of a client as they arrive, checks them against RFC 6455, and returns the control frames only.
///
/// A violation is found at its first byte, whatever is still to come. Messages are checked and ignored, since a client has
/// nothing to send: no more is kept than the header of a frame and the 125 bytes of a control frame.
///
/// https://www.rfc-editor.org/rfc/rfc6455#section-5
struct WebSocketFrameReader {
    enum Event: Equatable {
        case ping(ByteBuffer)
        case pong
        /// The code, which a close need not have.
        case close(code: UInt16?)
    }

    /// What a client did wrong, and the code of the close that says so.
    struct Violation: Error, Equatable {
        let code: UInt16
        let reason: String

        static func protocolError(_ reason: String) -> Violation { Violation(code: 1002, reason: reason) }
        static let notUTF8 = Violation(code: 1007, reason: "The text is not UTF-8.")
        static let tooLarge = Violation(
            code: 1009, reason: "A message has at most \(ServerLimits.clientMessageByteCountMax.grouped) bytes.")
    }

    private enum Opcode: UInt8 {
        case continuation, text, binary
        case close = 8
        case ping, pong

        var isControl: Bool { rawValue >= 8 }
    }

    private struct Frame {
        let opcode: Opcode
        let isFinal: Bool
        let mask: UInt32
        var remaining: Int
        /// Bytes of the payload so far.
        var position = 0
    }

    /// A message whose last frame has not arrived.
    private struct Message {
        let isText: Bool
        var byteCount = 0
        var check = UTF8Check()
    }

    /// Bytes of an incomplete header.
    private var header: [UInt8] = []
    private var frame: Frame?
    private var message: Message?
    private var control = ByteBuffer()

    /// Consumes bytes up to the end of the next control frame and returns it, or nil once all are consumed.
    mutating func next(from bytes: inout ByteBuffer) throws(Violation) -> Event? {
        while true {
            if var frame {
                try take(&frame, from: &bytes)
                guard frame.remaining == 0 else {
                    self.frame = frame
                    return nil
                }
                self.frame = nil
                if let event = try finish(frame) { return event }
            }
            guard let byte: UInt8 = bytes.readInteger() else { return nil }
            header.append(byte)
            guard let frame = try readHeader() else { continue }
            header.removeAll(keepingCapacity: true)
            try begin(frame)
        }
    }

    // MARK: Header

    /// Returns the frame that the header begins, or nil while bytes of it are missing; called for each of them.
    private func readHeader() throws(Violation) -> Frame? {
        let first = header[0]
        guard first & 0x70 == 0 else { throw .protocolError("The reserved bits are not zero, and no extension was agreed on.") }
        guard let opcode = Opcode(rawValue: first & 0x0f) else { throw .protocolError("The opcode is reserved.") }
        let isFinal = first & 0x80 != 0
        guard isFinal || !opcode.isControl else { throw .protocolError("A control frame is fragmented.") }
        guard header.count > 1 else { return nil }

        guard header[1] & 0x80 != 0 else { throw .protocolError("A client's frames must be masked.") }
        let short = header[1] & 0x7f
        guard short <= 125 || !opcode.isControl else { throw .protocolError("A control frame has more than 125 bytes.") }
        let lengthByteCount = short == 126 ? 2 : short == 127 ? 8 : 0
        guard header.count == 2 + lengthByteCount + 4 else { return nil }

        let written = header[2..<2 + lengthByteCount].reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        let length = lengthByteCount == 0 ? UInt64(short) : written
        guard length >> 63 == 0 else { throw .protocolError("The highest bit of a length is not zero.") }
        guard lengthByteCount == 0 || length > (lengthByteCount == 2 ? 125 : UInt64(UInt16.max)) else {
            throw .protocolError("A length has more bytes than it needs.")
        }
        return Frame(
            opcode: opcode, isFinal: isFinal, mask: header.suffix(4).reduce(0) { $0 << 8 | UInt32($1) }, remaining: Int(length))
    }

    private mutating func begin(_ frame: Frame) throws(Violation) {
        if frame.opcode.isControl {
            control = ByteBuffer()
        } else {
            switch (frame.opcode, message) {
            case (.continuation, nil): throw .protocolError("A continuation frame continues nothing.")
            case (.continuation, _): break
            case (_, nil): message = Message(isText: frame.opcode == .text)
            default: throw .protocolError("A message begins before the one before it has ended.")
            }
            guard let message, frame.remaining <= ServerLimits.clientMessageByteCountMax - message.byteCount else {
                throw .tooLarge
            }
            self.message?.byteCount += frame.remaining
        }
        self.frame = frame
    }

    // MARK: Payload

    private mutating func take(_ frame: inout Frame, from bytes: inout ByteBuffer) throws(Violation) {
        let count = min(frame.remaining, bytes.readableBytes)
        if frame.opcode.isControl || message?.isText == true {
            for byte in bytes.readableBytesView.prefix(count) {
                let shift = 24 &- 8 &* UInt32(frame.position & 3)
                let unmasked = byte ^ UInt8(truncatingIfNeeded: frame.mask &>> shift)
                frame.position += 1
                if frame.opcode.isControl {
                    control.writeInteger(unmasked)
                } else if message?.check.take(unmasked) == false {
                    throw .notUTF8
                }
            }
        }
        bytes.moveReaderIndex(forwardBy: count)
        frame.remaining -= count
    }

    private mutating func finish(_ frame: Frame) throws(Violation) -> Event? {
        switch frame.opcode {
        case .ping: return .ping(control)
        case .pong: return .pong
        case .close: return .close(code: try closeCode())
        case .continuation, .text, .binary:
            guard frame.isFinal, let message else { return nil }
            self.message = nil
            guard !message.isText || message.check.isWhole else { throw .notUTF8 }
            return nil
        }
    }

    /// https://www.rfc-editor.org/rfc/rfc6455#section-7.4 and IANA's registry of codes.
    private func closeCode() throws(Violation) -> UInt16? {
        guard control.readableBytes > 0 else { return nil }
        guard let code: UInt16 = control.getInteger(at: control.readerIndex) else {
            throw .protocolError("A close code has two bytes.")
        }
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: break
        default: throw .protocolError("The close code \(code) must not be sent.")
        }
        var check = UTF8Check()
        guard control.readableBytesView.dropFirst(2).allSatisfy({ check.take($0) }), check.isWhole else { throw .notUTF8 }
        return code
    }
}

/// Checks whether bytes that arrive one by one are UTF-8: shortest forms only, no surrogates, up to U+10FFFF.
///
/// Table 3-7 of https://www.unicode.org/versions/latest/core-spec/chapter-3/
struct UTF8Check {
    /// Bytes of the current character that have not arrived.
    private var missing = 0
    /// The range of the next of them.
    private var range: ClosedRange<UInt8> = 0x80...0xbf

    /// Whether no character is incomplete.
    var isWhole: Bool { missing == 0 }

    /// Consumes a byte; returns false if nothing that follows can make it UTF-8.
    mutating func take(_ byte: UInt8) -> Bool {
        if missing > 0 {
            guard range.contains(byte) else { return false }
            missing -= 1
            range = 0x80...0xbf
            return true
        }
        switch byte {
        case 0x00...0x7f: return true
        case 0xc2...0xdf: missing = 1
        case 0xe0: (missing, range) = (2, 0xa0...0xbf)
        case 0xed: (missing, range) = (2, 0x80...0x9f)
        case 0xe1...0xef: missing = 2
        case 0xf0: (missing, range) = (3, 0x90...0xbf)
        case 0xf1...0xf3: missing = 3
        case 0xf4: (missing, range) = (3, 0x80...0x8f)
        default: return false
        }
        return true
    }
}
