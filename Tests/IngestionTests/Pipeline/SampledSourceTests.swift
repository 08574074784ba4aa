import Foundation
import Ingestion
import Parquet
import TestSupport
import Testing
import TripModel

/// A source whose beginning was read ahead is read as if it had not been.
@Suite(.timeLimit(.minutes(10)))
struct SampledSourceTests {
    private let folder = TemporaryDirectory()

    /// A file in a publisher's form: more than is read to find its columns.
    private static let text: [UInt8] = {
        var text = Array("started_at,start_lng,start_lat,end_lng,end_lat\n".utf8)
        for row in 0..<150_000 { text += "1/\(1 + row % 12)/2020 8:00,\(row % 180).5,2.5,3.5,4.5\n".utf8 }
        return text + Array("1/13/2020 8:00,1,2,3,4\n".utf8)
    }()

    private func source(_ bytes: [UInt8]) throws -> SampledSource {
        let path = "\(folder.path)/file.csv"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return SampledSource(try TextSource(ByteSource(path: path, ExpansionBound(multiple: 1000)), ReadingOptions()))
    }

    private static func read(_ source: SampledSource, _ count: Int) throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: count)
        let read = try buffer.withUnsafeMutableBytes { try source.read(into: $0) }
        return Array(buffer[..<read])
    }

    @Test("The last time of the sample proves the order of all, compressed or not; then all is read from the start")
    func recognized() throws {
        var compressed: [UInt8] = []
        ZstdCompressor(level: 1).compress(Self.text.span.bytes, into: &compressed)
        for bytes in [Self.text, compressed] {
            let source = try source(bytes)
            let layout = try source.recognize(options: ReadingOptions(), mayBeQuoted: true).get().layout
            #expect(layout.form?.time.dateOrder == .monthFirst)
            // Odd pieces, within the sample, over its end, and past it.
            var all: [UInt8] = []
            for count in [1, 1000, 3 << 20, 5, 64 << 20] { all += try Self.read(source, count) }
            #expect((all == Self.text) == true)
            #expect(source.consumedByteCount == bytes.count)
        }
    }

    @Test("Bytes that an earlier attempt committed are skipped and hashed, within the sample or past its end")
    func skipped() throws {
        for count in [0, 1, 100, Self.text.count - 1, Self.text.count] {
            let source = try source(Self.text)
            _ = try source.recognize(options: ReadingOptions(), mayBeQuoted: true)
            let (hasher, expected) = (ContentHasher(), ContentHasher())
            try source.skip(count, hashing: hasher)
            expected.update(Self.text.span.extracting(0..<count).bytes)
            #expect(hasher.hash == expected.hash)
            #expect((try Self.read(source, Self.text.count) == Array(Self.text[count...])) == true)
        }
    }

    @Test("What is wrong with a file's form is a result, so that it can be told after what is wrong with the file")
    func failed() throws {
        let source = try source(Array("a,b\n1,2\n".utf8))
        let result = try source.recognize(options: ReadingOptions(), mayBeQuoted: true)
        #expect(throws: TripstoreError.self) { try result.get() }
        #expect(try Self.read(source, 100) == Array("a,b\n1,2\n".utf8))
    }
}
