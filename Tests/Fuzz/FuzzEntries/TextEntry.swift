import Ingestion
import TripModel

/// Text in another encoding: pieces make no difference, and what comes out is what the characters are.
enum TextEntry {
    private static let encodings: [TextConverter.Encoding] = [
        .utf8, .utf16LittleEndian, .utf16BigEndian, .latin1, .windows1252,
    ]

    static func run(_ bytes: [UInt8]) {
        var choices = FuzzEntry.choices(of: bytes)
        for option in [nil, .latin1, .utf16] as [ReadingOptions.Encoding?] {
            _ = try? TextForm.converter(for: bytes, encoding: option)
        }
        for encoding in encodings {
            for replacesReturns in [false, true] {
                let whole = convert(bytes, encoding, replacesReturns) { bytes.count }
                let pieces = convert(bytes, encoding, replacesReturns) { 1 + choices.next(below: 40) }
                precondition(whole == pieces, "\(encoding) in pieces is other text")
                if !replacesReturns { check(whole, of: bytes, encoding) } else { precondition(!whole.contains(13)) }
            }
        }
    }

    private static func convert(
        _ bytes: [UInt8], _ encoding: TextConverter.Encoding, _ replacesReturns: Bool, size: () -> Int
    ) -> [UInt8] {
        var converter = TextConverter(encoding, replacesReturns: replacesReturns)
        var (text, position): ([UInt8], Int) = ([], 0)
        repeat {
            let count = min(max(1, size()), bytes.count - position)
            let piece = Array(bytes[position..<position + count])
            position += count
            var output = [UInt8](repeating: 0, count: TextConverter.outputByteCountMax(for: count))
            let produced = output.withUnsafeMutableBytes { output in
                piece.withUnsafeBytes { converter.convert($0, into: output, isFinal: position == bytes.count) }
            }
            text += output[..<produced]
        } while position < bytes.count
        return text
    }

    private static func check(_ text: [UInt8], of bytes: [UInt8], _ encoding: TextConverter.Encoding) {
        switch encoding {
        case .utf8: precondition(text == bytes)
        case .latin1:
            let expected = String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
            precondition(text == Array(expected.utf8), "ISO 8859-1 is other text")
        case .windows1252: precondition(String(validating: text, as: UTF8.self)?.unicodeScalars.count == bytes.count)
        case .utf16LittleEndian, .utf16BigEndian:
            guard bytes.count.isMultiple(of: 2) else { return }
            let units = stride(from: 0, to: bytes.count, by: 2).map { index in
                encoding == .utf16LittleEndian
                    ? UInt16(bytes[index]) | UInt16(bytes[index + 1]) << 8
                    : UInt16(bytes[index]) << 8 | UInt16(bytes[index + 1])
            }
            let expected = String(validating: units, as: UTF16.self).map { Array($0.utf8) }
            let isValid = String(validating: text, as: UTF8.self) != nil
            precondition(isValid == (expected != nil), "what is no character became one, or the reverse")
            if let expected { precondition(text == expected, "UTF-16 is other text") }
        }
    }
}
