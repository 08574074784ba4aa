package import NIOCore

/// Splits a `multipart/form-data` body into its parts as its bytes arrive, in pieces of any size.
///
/// It keeps no more than one piece and a boundary in memory.
///
///     body      = [preamble CRLF] "--" boundary blanks CRLF part *( delimiter blanks CRLF part ) delimiter "--" epilogue
///     delimiter = CRLF "--" boundary
///     part      = *( field CRLF ) CRLF *OCTET
///
/// https://www.rfc-editor.org/rfc/rfc7578, https://www.rfc-editor.org/rfc/rfc2046#section-5.1.1
///
/// The delimiter is searched with the Boyer-Moore-Horspool algorithm: it reads one byte in about forty.
package struct MultipartParser {
    /// The next finding.
    package enum Event: Equatable {
        case partBegan(name: String, filename: String?)
        case partData(ByteBuffer)
        case partEnded
    }

    /// What is wrong with a body.
    package enum Failure: String, Error {
        case noBoundary = "The Content-Type has no valid boundary; let the client make the multipart body."
        case malformed = "The multipart body is malformed; let the client make it."
        case encoded = "The multipart body has a part with a Content-Transfer-Encoding; send its bytes as they are."
        case truncated = "The multipart body ends before its last boundary; send it again."
    }

    private enum State { case preamble, afterDelimiter, fields, data, epilogue }

    private let delimiter: [UInt8]
    /// How far the window may move if its last byte is the index.
    private let shifts: [Int]
    private var state = State.preamble
    /// Begins with the line end that the first delimiter lacks.
    private var buffer = ByteBuffer(string: "\r\n")

    /// Makes a parser for a boundary from the header.
    package init(boundary: String) throws(Failure) {
        guard 1...ServerLimits.boundaryByteCountMax ~= boundary.utf8.count,
            boundary.utf8.allSatisfy({ 0x20..<0x7f ~= $0 }), boundary.utf8.last != 0x20
        else { throw .noBoundary }
        delimiter = Array("\r\n--".utf8) + Array(boundary.utf8)
        var shifts = [Int](repeating: delimiter.count, count: 256)
        for (index, byte) in delimiter.dropLast().enumerated() { shifts[Int(byte)] = delimiter.count - 1 - index }
        self.shifts = shifts
    }

    /// Appends the next piece of the body.
    package mutating func append(_ bytes: ByteBuffer) {
        if buffer.readableBytes == 0 || state == .epilogue {
            buffer = bytes
        } else {
            // Slices that were returned share the old storage, so writing to it would copy all of it.
            var joined = ByteBufferAllocator().buffer(capacity: buffer.readableBytes + bytes.readableBytes)
            joined.writeImmutableBuffer(buffer)
            joined.writeImmutableBuffer(bytes)
            buffer = joined
        }
    }

    /// Returns the next event, or nil if more bytes are needed.
    package mutating func next() throws(Failure) -> Event? {
        while true {
            switch state {
            case .preamble:
                guard skipPreamble() else { return nil }
            case .afterDelimiter:
                guard try skipDelimiterEnd() else { return nil }
            case .fields:
                guard let fields = try readFields() else { return nil }
                state = .data
                return try Self.began(fields)
            case .data: return nextData()
            case .epilogue:
                buffer.clear()
                return nil
            }
        }
    }

    /// Checks, at the end of the body, that its last boundary was seen.
    package func finish() throws(Failure) {
        guard state == .epilogue else { throw .truncated }
    }

    // MARK: Steps

    private mutating func skipPreamble() -> Bool {
        guard let index = indexOfDelimiter() else {
            buffer.moveReaderIndex(forwardBy: max(0, buffer.readableBytes - (delimiter.count - 1)))
            return false
        }
        buffer.moveReaderIndex(forwardBy: index + delimiter.count)
        state = .afterDelimiter
        return true
    }

    /// After a delimiter: two hyphens end the body, blanks and a line end begin a part.
    private mutating func skipDelimiterEnd() throws(Failure) -> Bool {
        let blankCount = byteCountOfBlanks()
        guard let (first, second) = buffer.getMultipleIntegers(at: buffer.readerIndex + blankCount, as: (UInt8, UInt8).self)
        else {
            if blankCount > ServerLimits.partHeaderByteCountMax { throw .malformed }
            return false
        }
        switch (first, second) {
        case (UInt8(ascii: "-"), UInt8(ascii: "-")) where blankCount == 0: state = .epilogue
        case (UInt8(ascii: "\r"), UInt8(ascii: "\n")):
            // The line end stays: it closes an empty list of fields.
            buffer.moveReaderIndex(forwardBy: blankCount)
            state = .fields
        default: throw .malformed
        }
        return true
    }

    private func byteCountOfBlanks() -> Int {
        let bytes = buffer.readableBytesUInt8Span
        var index = 0
        while index < bytes.count, bytes[index] == UInt8(ascii: " ") || bytes[index] == UInt8(ascii: "\t") { index += 1 }
        return index
    }

    /// Returns the lines of a part's header, once its empty line has arrived.
    private mutating func readFields() throws(Failure) -> [Substring]? {
        guard let count = byteCountOfFields() else {
            if buffer.readableBytes > ServerLimits.partHeaderByteCountMax { throw .malformed }
            return nil
        }
        guard count <= ServerLimits.partHeaderByteCountMax, let text = buffer.readString(length: count) else {
            throw .malformed
        }
        buffer.moveReaderIndex(forwardBy: 4)
        return text.split(separator: "\r\n")
    }

    /// Returns the bytes before the first empty line.
    private func byteCountOfFields() -> Int? {
        let bytes = buffer.readableBytesUInt8Span
        let end = min(bytes.count, ServerLimits.partHeaderByteCountMax + 4)
        var index = 0
        while index + 3 < end {
            if bytes[index] == 13, bytes[index + 1] == 10, bytes[index + 2] == 13, bytes[index + 3] == 10 { return index }
            index += 1
        }
        return nil
    }

    private static func began(_ fields: [Substring]) throws(Failure) -> Event {
        var disposition = HeaderValue("")
        for field in fields {
            guard let colon = field.firstIndex(of: ":") else { throw .malformed }
            let value = field[field.index(after: colon)...]
            switch field[..<colon].lowercased() {
            case "content-disposition": disposition = HeaderValue(value)
            case "content-transfer-encoding":
                guard ["binary", "8bit", "7bit"].contains(HeaderValue(value).first) else { throw .encoded }
            default: break
            }
        }
        guard disposition.first == "form-data", let name = disposition.parameter("name") else { throw .malformed }
        return .partBegan(name: name, filename: disposition.parameter("filename"))
    }

    private mutating func nextData() -> Event? {
        guard let index = indexOfDelimiter() else {
            // The last bytes may be the start of a delimiter.
            return readData(buffer.readableBytes - (delimiter.count - 1))
        }
        if let data = readData(index) { return data }
        buffer.moveReaderIndex(forwardBy: delimiter.count)
        state = .afterDelimiter
        return .partEnded
    }

    private mutating func readData(_ byteCount: Int) -> Event? {
        guard byteCount > 0, let data = buffer.readSlice(length: byteCount) else { return nil }
        return .partData(data)
    }

    private func indexOfDelimiter() -> Int? {
        let bytes = buffer.readableBytesUInt8Span
        let last = delimiter.count - 1
        var start = 0
        while start + last < bytes.count {
            let byte = bytes[start + last]
            if byte == delimiter[last] {
                var offset = 0
                while offset < last, bytes[start + offset] == delimiter[offset] { offset += 1 }
                if offset == last { return start }
            }
            start += shifts[Int(byte)]
        }
        return nil
    }
}
