import Foundation
import Ingestion
import TestSupport
import Testing
import TripModel

/// Text in other encodings, against Foundation's conversion and Swift's own.
@Suite(.timeLimit(.minutes(10)))
struct TextConverterTests {
    private static func convert(
        _ bytes: [UInt8], _ encoding: TextConverter.Encoding, replacesReturns: Bool = false, size: () -> Int
    ) -> [UInt8] {
        var converter = TextConverter(encoding, replacesReturns: replacesReturns)
        var (text, position): ([UInt8], Int) = ([], 0)
        repeat {
            let count = min(size(), bytes.count - position)
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

    /// Texts of characters of all lengths, mostly ASCII.
    private static func text(_ random: inout SeededGenerator) -> String {
        let others: [Unicode.Scalar] = [
            "é", "Ж", "서", "한", "\u{FFFD}", "🚲", "\u{10FFFF}", "\u{7FF}", "\u{800}", "\u{FEFF}", "\0",
        ]
        return String(
            String.UnicodeScalarView(
                (0..<Int.random(in: 0...200, using: &random)).map { _ in
                    Int.random(in: 0..<8, using: &random) > 0
                        ? Unicode.Scalar(UInt8.random(in: 0x20...0x7E, using: &random)) : others.randomElement(using: &random)!
                }))
    }

    @Test("UTF-16 of both orders becomes the UTF-8 that Foundation makes of it, in pieces of any size", arguments: 0..<40)
    func utf16(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let text = Self.text(&random)
        for (encoding, foundation) in [
            (TextConverter.Encoding.utf16LittleEndian, String.Encoding.utf16LittleEndian), (.utf16BigEndian, .utf16BigEndian),
        ] {
            let bytes = [UInt8](try #require(text.data(using: foundation)))
            let converted = Self.convert(bytes, encoding) { Int.random(in: 1...40, using: &random) }
            #expect(converted == Array(text.utf8), "seed \(seed)")
        }
    }

    @Test("Every byte of the two encodings of bytes becomes the character that Foundation knows")
    func bytes() throws {
        for byte in UInt8.min...UInt8.max {
            let latin1 = String(Unicode.Scalar(byte))
            #expect(Self.convert([byte], .latin1) { 1 } == Array(latin1.utf8))
            // Five bytes have no character in Windows-1252: they stay controls, which no name may have.
            let windows = String(bytes: [byte], encoding: .windowsCP1252)
            let expected = [0x81, 0x8D, 0x8F, 0x90, 0x9D].contains(byte) ? latin1 : windows
            #expect(Self.convert([byte], .windows1252) { 1 } == Array(try #require(expected).utf8), "\(byte)")
        }
        let mixed = Array("plain text of more than eight bytes ".utf8) + [0xE9, 0x80] + Array(" and on".utf8)
        #expect(String(decoding: Self.convert(mixed, .windows1252) { 5 }, as: UTF8.self).hasSuffix("é€ and on"))
    }

    @Test(
        "What is no character stays none: half of a pair, half of a unit",
        arguments: [
            [0x61, 0x00, 0x00, 0xD8], [0x61, 0x00, 0x00, 0xD8, 0x62, 0x00], [0x00, 0xDC, 0x61, 0x00], [0x61, 0x00, 0x62],
            [0x00, 0xD8, 0x00],
        ] as [[UInt8]])
    func broken(bytes: [UInt8]) {
        for size in 1...4 {
            let text = Self.convert(bytes, .utf16LittleEndian) { size }
            #expect(String(validating: text, as: UTF8.self) == nil && text.contains(UInt8(ascii: "a")) == bytes.contains(0x61))
        }
    }

    @Test(
        "A last line end of one byte, as some programs append it to UTF-16, is no fault", arguments: [0x0A, 0x0D, 0x1A, 0x00])
    func oddEnd(byte: UInt8) {
        #expect(Self.convert([0x61, 0, 0x0A, 0, byte], .utf16LittleEndian) { 5 } == Array("a\n".utf8))
    }

    @Test("Carriage returns become line feeds if they are the line ends")
    func returns() {
        #expect(Self.convert(Array("a\rb\r".utf8), .utf8, replacesReturns: true) { 2 } == Array("a\nb\n".utf8))
        #expect(Self.convert([0x61, 0, 0x0D, 0], .utf16LittleEndian, replacesReturns: true) { 1 } == Array("a\n".utf8))
        #expect(Self.convert(Array("a\r\nb".utf8), .latin1) { 4 } == Array("a\r\nb".utf8))
    }
}
