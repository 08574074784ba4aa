import Foundation
import Ingestion
import Parquet
import TestSupport
import Testing
import TripModel

/// A file's plain bytes, however they are stored and however they are asked for.
@Suite(.timeLimit(.minutes(10)))
struct ByteSourceTests {
    private let folder = TemporaryDirectory()

    private func write(_ bytes: [UInt8], _ name: String = "file") throws -> String {
        let path = "\(folder.path)/\(name)"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return path
    }

    private func open(_ path: String) throws -> ByteSource { try ByteSource(path: path, ExpansionBound(multiple: 1000)) }

    /// Reads all of a source with buffers of random sizes.
    private static func read(_ source: ByteSource, _ random: inout SeededGenerator) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let count = [1, 3, 4, 5, 1000, 1 << 20].randomElement(using: &random)!
            var buffer = [UInt8](repeating: 0, count: count)
            let read = try buffer.withUnsafeMutableBytes { try source.read(into: $0) }
            bytes += buffer[..<read]
            if read < count { return bytes }
        }
    }

    /// Text that is compressed, but not to nothing.
    private static func text(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { _ in UInt8.random(in: 0x20...0x5a, using: &random) }
    }

    private static func zstd(_ plain: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        ZstdCompressor(level: 1).compress(plain.span.bytes, into: &bytes)
        return bytes
    }

    @Test(
        "A file that is not compressed is read as it is, also one that is shorter than the mark of a format",
        arguments: [0, 1, 3, 4, 5, 4095, 3 << 20 | 7])
    func plain(byteCount: Int) throws {
        var random = SeededGenerator(seed: UInt64(byteCount))
        let bytes = Self.text(byteCount)
        let path = try write(bytes)
        for _ in 0..<3 {
            let source = try open(path)
            #expect(try Self.read(source, &random) == bytes)
            #expect(source.consumedByteCount == byteCount && source.storedByteCount == byteCount && source.storedHash == nil)
        }
    }

    @Test(
        "Compressed files are read as what they were, of one frame or several", arguments: ["zstd", "gzip", "bzip2"], [1, 2, 3])
    func compressed(format: String, frames: Int) throws {
        var random = SeededGenerator(seed: UInt64(frames))
        var (stored, plain): ([UInt8], [UInt8]) = ([], [])
        for frame in 0..<frames {
            if format != "zstd" {
                stored += try Data(
                    contentsOf: URL(fileURLWithPath: Fixture.path(format == "gzip" ? "trips.csv.gz" : "trips.csv.bz2")))
                plain += try Data(contentsOf: URL(fileURLWithPath: Fixture.path("trips.csv")))
            } else {
                let text = Self.text([0, 3, 2 << 20].shuffled(using: &random)[frame], seed: UInt64(frame))
                stored += Self.zstd(text)
                plain += text
            }
        }
        let path = try write(stored)
        let source = try open(path)
        #expect(try Self.read(source, &random) == plain)
        #expect(source.consumedByteCount == stored.count && source.storedByteCount == stored.count)
        #expect(source.storedHash == (try ContentHash.file(path)))
    }

    @Test(
        "What is cut off, damaged or followed by something else is an error and never an end",
        arguments: ["zstd", "gzip", "bzip2"])
    func broken(format: String) throws {
        var random = SeededGenerator(seed: 5)
        let whole =
            format == "zstd"
            ? Self.zstd(Self.text(50_000))
            : Array(
                try Data(contentsOf: URL(fileURLWithPath: Fixture.path(format == "gzip" ? "trips.csv.gz" : "trips.csv.bz2"))))
        for (bytes, mentions) in [
            (Array(whole.dropLast()), "cut off"), (Array(whole.prefix(whole.count / 2)), "cut off"),
            (Array(whole.prefix(10)), "cut off"), (whole + Array("more".utf8), "damaged"),
        ] {
            let source = try open(try write(bytes))
            let error = #expect(throws: TripstoreError.self) { try Self.read(source, &random) }
            #expect(error?.code == .badInput && error?.message.contains(mentions) == true, "\(error?.message ?? "")")
            #expect(error?.message.contains(format) == true)
        }
    }

    @Test("Zero bytes after a gzip member are padding, also between two, and other bytes after them are not")
    func padding() throws {
        var random = SeededGenerator(seed: 8)
        let stored = [UInt8](try Data(contentsOf: URL(fileURLWithPath: Fixture.path("trips.csv.gz"))))
        let plain = [UInt8](try Data(contentsOf: URL(fileURLWithPath: Fixture.path("trips.csv"))))
        for zeros in [1, 511, 3 << 20] {
            let padded = stored + [UInt8](repeating: 0, count: zeros)
            let source = try open(try write(padded))
            #expect((try Self.read(source, &random) == plain) == true)
            #expect(source.consumedByteCount == padded.count)
            #expect((try Self.read(try open(try write(padded + stored)), &random) == plain + plain) == true)
            let error = #expect(throws: TripstoreError.self) { try Self.read(try open(try write(padded + [1])), &random) }
            #expect(error?.message.contains("damaged") == true)
        }
    }

    @Test("A zstd file may begin with skippable frames, as pzstd writes them; a window that is too large is said to be that")
    func zstdFrames() throws {
        var random = SeededGenerator(seed: 9)
        let plain = Self.text(100_000)
        let skippable: [UInt8] = [0x50, 0x2A, 0x4D, 0x18, 4, 0, 0, 0, 9, 9, 9, 9]
        let stored = skippable + Self.zstd(plain) + [0x5F] + skippable.dropFirst() + Self.zstd(plain)
        #expect((try Self.read(try open(try write(stored)), &random) == plain + plain) == true)
        let large = try open(try write([0x28, 0xB5, 0x2F, 0xFD, 0, 0xA8] + [UInt8](repeating: 0, count: 20)))
        let error = #expect(throws: TripstoreError.self) { try Self.read(large, &random) }
        #expect(error?.message.contains("window of more than 128 MiB") == true)
    }

    @Test("The beginning of an archive is told from a CSV")
    func archives() throws {
        #expect(try open(try write([0x50, 0x4B, 3, 4] + Self.text(100))).isArchive)
        #expect(!(try open(try write(Array("PK,a,b\n".utf8))).isArchive))
    }

    @Test(
        "What was committed is skipped and hashed, and the rest is read", arguments: [0, 1, 4, 1 << 20, 2_000_000, 3_000_000])
    func skips(byteCount: Int) throws {
        var random = SeededGenerator(seed: 6)
        let plain = Self.text(2_000_000)
        for stored in [plain, Self.zstd(plain)] {
            let source = try open(try write(stored))
            let hasher = ContentHasher()
            try source.skip(byteCount, hashing: hasher)
            let expected = ContentHasher()
            expected.update(Array(plain.prefix(byteCount)).span.bytes)
            #expect(hasher.hash == expected.hash)
            #expect(try Self.read(source, &random) == Array(plain.dropFirst(byteCount)))
        }
    }

    @Test(
        "A file that is touched while it is read is the same; one that is written is refused",
        arguments: ["touch", "grow", "change"])
    func changes(kind: String) throws {
        var random = SeededGenerator(seed: 7)
        let bytes = Self.text(1000)
        let path = try write(bytes)
        let hash = try ContentHash.file(path)
        let source = try open(path)
        #expect(try Self.read(source, &random) == bytes)
        try source.requireUnchanged(hash)
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        if kind == "grow" { try file.seekToEnd() }
        try file.write(contentsOf: Data(kind == "change" ? [1] : kind == "grow" ? [10] : bytes[..<1]))
        try file.close()
        // Whatever the resolution of the file system's clock.
        try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSince1970: 1)], ofItemAtPath: path)
        if kind == "touch" {
            try source.requireUnchanged(hash)
        } else {
            let error = #expect(throws: TripstoreError.self) { try source.requireUnchanged(hash) }
            #expect(error?.code == .conflict)
        }
    }

    @Test("A file that is absent is named")
    func absent() {
        let error = #expect(throws: TripstoreError.self) { try open(folder.path + "/absent.csv") }
        #expect(error?.code == .notFound && error?.message.contains("absent.csv") == true)
    }

    @Test(
        "Compressed data may expand to some gigabytes, and beyond them to a multiple of what was read",
        arguments: [
            (plain: 0, stored: 0, isRefused: false), (Limits.expansionByteCountMin, 1, false),
            (Limits.expansionByteCountMin + 10, 1, false), (Limits.expansionByteCountMin + 19, 1, false),
            (Limits.expansionByteCountMin + 20, 1, true), (Limits.expansionByteCountMin + 10_009, 1000, false),
            (Limits.expansionByteCountMin + 10_010, 1000, true), (Limits.expansionByteCountMin * 4, 1000, true),
            (.max, .max / 20, true), (.max, .max / 5, false),
        ] as [(plain: Int, stored: Int, isRefused: Bool)])
    func expansion(plain: Int, stored: Int, isRefused: Bool) {
        let bound = ExpansionBound(multiple: 10)
        do throws(TripstoreError) {
            try bound.require(plain, from: stored, format: .zstd)
            #expect(!isRefused)
        } catch {
            #expect(isRefused && error.code == .badInput && error.message.contains("MAX_EXPANSION"))
        }
    }
}
