/// Converts text to UTF-8 with line feeds, piece by piece.
///
/// What is no character stays none: half of a surrogate pair becomes bytes that are not UTF-8, so that a name with it is rejected and
/// not changed. Characters of ASCII, which are nearly all of a CSV, are converted eight at a time.
///
/// Memory safety: loads and stores are inside of buffers whose sizes `convert` checks at its entrance.
package struct TextConverter: Sendable {
    /// How the input's bytes are characters.
    package enum Encoding: Sendable { case utf8, utf16LittleEndian, utf16BigEndian, latin1, windows1252 }

    package let encoding: Encoding
    /// Whether lines end with carriage returns alone, which become line feeds.
    package let replacesReturns: Bool
    /// Bytes of a character that the next piece completes.
    private var rest: [UInt8] = []

    package init(_ encoding: Encoding, replacesReturns: Bool = false) {
        self.encoding = encoding
        self.replacesReturns = replacesReturns
    }

    /// Returns how many bytes a piece of input can become.
    package static func outputByteCountMax(for inputByteCount: Int) -> Int { 3 * inputByteCount + 16 }

    /// Converts a piece of input.
    ///
    /// - Parameters:
    ///   - output: at least `outputByteCountMax(for:)` bytes.
    ///   - isFinal: whether no input follows.
    /// - Returns: count of bytes of output.
    package mutating func convert(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, isFinal: Bool
    ) -> Int {
        precondition(output.count >= Self.outputByteCountMax(for: input.count))
        var count = 0
        switch encoding {
        case .utf8:
            output.copyMemory(from: input)
            count = input.count
        case .latin1: count = Self.convert(input, with: nil, into: output)
        case .windows1252: count = Self.convert(input, with: Self.windows1252, into: output)
        case .utf16LittleEndian: count = convertUTF16(input, isBigEndian: false, into: output, isFinal: isFinal)
        case .utf16BigEndian: count = convertUTF16(input, isBigEndian: true, into: output, isFinal: isFinal)
        }
        if replacesReturns {
            for index in 0..<count where output[index] == UInt8(ascii: "\r") { output[index] = UInt8(ascii: "\n") }
        }
        return count
    }

    // MARK: Bytes

    /// Characters of 0x80 to 0x9F; the five bytes without one are the controls of ISO 8859-1
    /// (https://encoding.spec.whatwg.org/#index-windows-1252).
    private static let windows1252: [UInt16] = [
        0x20AC, 0x81, 0x201A, 0x192, 0x201E, 0x2026, 0x2020, 0x2021, 0x2C6, 0x2030, 0x160, 0x2039, 0x152, 0x8D, 0x17D, 0x8F,
        0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x2DC, 0x2122, 0x161, 0x203A, 0x153, 0x9D, 0x17E, 0x178,
    ]

    private static func convert(
        _ input: UnsafeRawBufferPointer, with table: [UInt16]?, into output: UnsafeMutableRawBufferPointer
    ) -> Int {
        var (index, count) = (0, 0)
        while index < input.count {
            if index + 8 <= input.count {
                let word = input.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                if word & 0x8080_8080_8080_8080 == 0 {
                    output.storeBytes(of: word, toByteOffset: count, as: UInt64.self)
                    index += 8
                    count += 8
                    continue
                }
            }
            let byte = input[index]
            index += 1
            let unit = if let table, (0x80..<0xA0).contains(byte) { table[Int(byte) - 0x80] } else { UInt16(byte) }
            put(UInt32(unit), into: output, &count)
        }
        return count
    }

    /// Appends a character, or half of a surrogate pair as if it were one.
    private static func put(_ scalar: UInt32, into output: UnsafeMutableRawBufferPointer, _ count: inout Int) {
        func append(_ value: UInt32) {
            output[count] = UInt8(truncatingIfNeeded: value)
            count += 1
        }
        switch scalar {
        case 0..<0x80: append(scalar)
        case 0x80..<0x800:
            append(0xC0 | scalar >> 6)
            append(0x80 | scalar & 0x3F)
        case 0x800..<0x10000:
            append(0xE0 | scalar >> 12)
            append(0x80 | scalar >> 6 & 0x3F)
            append(0x80 | scalar & 0x3F)
        default:
            append(0xF0 | scalar >> 18)
            append(0x80 | scalar >> 12 & 0x3F)
            append(0x80 | scalar >> 6 & 0x3F)
            append(0x80 | scalar & 0x3F)
        }
    }

    // MARK: UTF-16

    private mutating func convertUTF16(
        _ input: UnsafeRawBufferPointer, isBigEndian: Bool, into output: UnsafeMutableRawBufferPointer, isFinal: Bool
    ) -> Int {
        var (index, count) = (0, 0)
        // At most three bytes: half of a pair and half of the other half.
        while !rest.isEmpty, index < input.count {
            rest.append(input[index])
            index += 1
            let used = rest.withUnsafeBytes { Self.character(in: $0, isBigEndian, isFinal: false, into: output, &count) }
            rest.removeFirst(used)
        }
        let isDone = rest.isEmpty
        if isDone {
            let body = UnsafeRawBufferPointer(rebasing: input[index...])
            var position = 0
            while position < body.count {
                if Self.copyASCII(body, position, isBigEndian, into: output, count) {
                    position += 16
                    count += 8
                    continue
                }
                let tail = UnsafeRawBufferPointer(rebasing: body[position...])
                let used = Self.character(in: tail, isBigEndian, isFinal: false, into: output, &count)
                if used == 0 { break }
                position += used
            }
            rest = Array(body[position...])
        }
        if isFinal { endUTF16(isBigEndian, into: output, &count) }
        return count
    }

    /// Converts what is left at the end of the input: half of a pair, or one byte.
    private mutating func endUTF16(_ isBigEndian: Bool, into output: UnsafeMutableRawBufferPointer, _ count: inout Int) {
        if rest.count >= 2 {
            let used = rest.withUnsafeBytes { Self.character(in: $0, isBigEndian, isFinal: true, into: output, &count) }
            rest.removeFirst(used)
        }
        guard let last = rest.first else { return }
        rest = []
        // Some programs append a line end or zero of one byte; anything else is half of a character, which is none.
        if ![0, UInt8(ascii: "\n"), UInt8(ascii: "\r"), 0x1A].contains(last) {
            output[count] = 0xFF
            count += 1
        }
    }

    /// Copies eight characters if they are ASCII; returns whether they are.
    private static func copyASCII(
        _ input: UnsafeRawBufferPointer, _ position: Int, _ isBigEndian: Bool, into output: UnsafeMutableRawBufferPointer,
        _ count: Int
    ) -> Bool {
        guard position + 16 <= input.count else { return false }
        var units = input.loadUnaligned(fromByteOffset: position, as: SIMD8<UInt16>.self)
        if isBigEndian { units = units &>> 8 | units &<< 8 }
        guard (units & 0xFF80).max() == 0 else { return false }
        output.storeBytes(of: SIMD8<UInt8>(truncatingIfNeeded: units), toByteOffset: count, as: SIMD8<UInt8>.self)
        return true
    }

    /// Converts one character; returns the bytes that it has, 0 if more are needed.
    private static func character(
        in input: UnsafeRawBufferPointer, _ isBigEndian: Bool, isFinal: Bool, into output: UnsafeMutableRawBufferPointer,
        _ count: inout Int
    ) -> Int {
        func unit(_ offset: Int) -> UInt32 {
            isBigEndian
                ? UInt32(input[offset]) << 8 | UInt32(input[offset + 1])
                : UInt32(input[offset]) | UInt32(input[offset + 1]) << 8
        }
        guard input.count >= 2 else { return 0 }
        let first = unit(0)
        guard (0xD800..<0xDC00).contains(first) else {
            put(first, into: output, &count)
            return 2
        }
        guard input.count >= 4 else {
            if !isFinal { return 0 }
            put(first, into: output, &count)
            return 2
        }
        let second = unit(2)
        guard (0xDC00..<0xE000).contains(second) else {
            put(first, into: output, &count)
            return 2
        }
        put(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00), into: output, &count)
        return 4
    }
}
