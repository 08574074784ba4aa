import Foundation
import Ingestion
import Parquet
import TestSupport
import Testing
import TripModel

/// A source's text as UTF-8 with line feeds, whatever its bytes are, compressed or not.
@Suite(.timeLimit(.minutes(10)))
struct TextSourceTests {
    private let folder = TemporaryDirectory()
    private static let text = "Kraj,Začátek\r\n" + String(repeating: "Praha,Žižkov 🚲\r\n", count: 20_000)

    private func write(_ bytes: [UInt8]) throws -> String {
        let path = "\(folder.path)/file.csv"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return path
    }

    private func open(_ bytes: [UInt8], _ encoding: ReadingOptions.Encoding? = nil) throws -> TextSource {
        var options = ReadingOptions()
        options.encoding = encoding?.rawValue
        return try TextSource(ByteSource(path: try write(bytes), ExpansionBound(multiple: 1000)), options)
    }

    private static func read(_ source: some PlainBytes, _ random: inout SeededGenerator) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            var buffer = [UInt8](repeating: 0, count: [1, 7, 1000, 1 << 20].randomElement(using: &random)!)
            let count = try buffer.withUnsafeMutableBytes { try source.read(into: $0) }
            bytes += buffer[..<count]
            if count < buffer.count { return bytes }
        }
    }

    private static func utf16(_ text: String, isBigEndian: Bool, mark: Bool) -> [UInt8] {
        let units = (mark ? [0xFEFF] : []) + Array(text.utf16)
        return units.flatMap { isBigEndian ? [UInt8($0 >> 8), UInt8($0 & 0xFF)] : [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
    }

    @Test(
        "UTF-16 is proven by its mark or its zeros, and read in UTF-8; positions and hashes are of the right bytes",
        arguments: [false, true])
    func utf16(isBigEndian: Bool) throws {
        var random = SeededGenerator(seed: 3)
        for mark in [true, false] {
            let bytes = Self.utf16(Self.text, isBigEndian: isBigEndian, mark: mark)
            var compressed: [UInt8] = []
            ZstdCompressor(level: 1).compress(bytes.span.bytes, into: &compressed)
            for stored in [bytes, compressed] {
                let source = try open(stored)
                #expect(!source.isVerbatim && source.provenEncoding == (isBigEndian ? .utf16BigEndian : .utf16LittleEndian))
                let expected = Array(((mark ? "\u{FEFF}" : "") + Self.text).utf8)
                #expect((try Self.read(source, &random) == expected) == true)
                #expect(source.consumedByteCount == stored.count)
                #expect(source.storedHash == (try ContentHash.file("\(folder.path)/file.csv")))
                try source.requireUnchanged(source.storedHash)
                // What a resume skips is hashed as the first attempt hashed it.
                let (again, hasher, whole) = (try open(stored), ContentHasher(), ContentHasher())
                try again.skip(1001, hashing: hasher)
                whole.update(Array(expected.prefix(1001)).span.bytes)
                #expect(hasher.hash == whole.hash)
                #expect((try Self.read(again, &random) == Array(expected.dropFirst(1001))) == true)
            }
        }
    }

    @Test("UTF-8, ASCII and bytes that nothing proves are read as they are")
    func verbatim() throws {
        var random = SeededGenerator(seed: 4)
        for bytes in [
            Array(Self.text.utf8), [], Array("a".utf8), [0x61, 0xE9, 0x0A], [0, 0, 0, 0], [0xEF, 0xBB, 0xBF, 0x61],
        ] {
            let source = try open(bytes)
            #expect(source.isVerbatim && source.storedHash == nil)
            #expect((try Self.read(source, &random) == bytes) == true)
            #expect(source.consumedByteCount == bytes.count)
        }
    }

    @Test("Bytes that are said to be Windows-1252 or ISO 8859-1 are converted; a proof of something else wins")
    func said() throws {
        var random = SeededGenerator(seed: 5)
        #expect(try Self.read(try open([0x80, 0xE9, 0x0A], .windows1252), &random) == Array("€é\n".utf8))
        #expect(try Self.read(try open([0x80, 0xE9, 0x0A], .latin1), &random) == Array("\u{80}é\n".utf8))
        let bytes = Self.utf16("a,b\nc,d\n", isBigEndian: false, mark: true)
        #expect(try Self.read(try open(bytes, .windows1252), &random) == Array("\u{FEFF}a,b\nc,d\n".utf8))
        #expect(try Self.read(try open([0xEF, 0xBB, 0xBF, 0xC3, 0xA9], .latin1), &random) == [0xEF, 0xBB, 0xBF, 0xC3, 0xA9])
    }

    @Test("Lines that end with carriage returns alone end with line feeds then, in any encoding; others stay")
    func returns() throws {
        var random = SeededGenerator(seed: 6)
        #expect(try Self.read(try open(Array("a,b\r1,2\r".utf8)), &random) == Array("a,b\n1,2\n".utf8))
        #expect(
            try Self.read(try open(Self.utf16("a,b\r1,2\r", isBigEndian: true, mark: true)), &random)
                == Array("\u{FEFF}a,b\n1,2\n".utf8))
        for text in ["a,b\n1,2\r\n", "a,b\r\r\n1,2\r\r\n", "a,b\r\n"] {
            #expect(try Self.read(try open(Array(text.utf8)), &random) == Array(text.utf8))
        }
    }

    @Test("UTF-16 whose order nothing tells is a question; UTF-32 is named")
    func questions() {
        let korean = Self.utf16("서울역대여소번호", isBigEndian: false, mark: false)
        let error = #expect(throws: TripstoreError.self) { try open(korean, .utf16) }
        #expect(error?.question?.option == "encoding" && error?.question?.choices == ["utf-16le", "utf-16be"])
        #expect(error?.message.contains("--encoding utf-16le or --encoding utf-16be") == true)
        let wide = #expect(throws: TripstoreError.self) { try open([0xFF, 0xFE, 0, 0, 0x61, 0, 0, 0]) }
        #expect(wide?.message.contains("iconv -f UTF-32") == true)
    }

    @Test("A thread that reads ahead gives the same bytes, and its error where it is", arguments: [0, 1, 5 << 20, 9 << 20 | 3])
    func ahead(byteCount: Int) throws {
        var random = SeededGenerator(seed: UInt64(byteCount))
        let plain = (0..<byteCount).map { _ in UInt8.random(in: 0x20...0x5A, using: &random) }
        var compressed: [UInt8] = []
        ZstdCompressor(level: 1).compress(plain.span.bytes, into: &compressed)
        let source = SampledSource(try open(compressed))
        #expect((try Self.read(source, &random) == plain) == true)
        #expect(source.consumedByteCount == compressed.count)
        if byteCount > 1 {
            let cut = SampledSource(try open(Array(compressed.dropLast())))
            #expect(throws: TripstoreError.self) { try Self.read(cut, &random) }
            // Nobody reads on: the thread ends all the same.
            var buffer = [UInt8](repeating: 0, count: 10)
            let left = SampledSource(try open(compressed))
            #expect(try buffer.withUnsafeMutableBytes { try left.read(into: $0) } == 10)
        }
    }
}
