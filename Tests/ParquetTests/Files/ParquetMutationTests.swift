import Parquet
import TestSupport
import Testing

/// Damages a small file in every place: what is read is either an error or what was written, and nothing traps.
@Suite(.timeLimit(.minutes(10)))
struct ParquetMutationTests {
    let sample = ParquetSample(rowCount: 60, seed: 3)

    @Test("every flipped bit is detected or harmless", arguments: [Int32?.none, 1])
    func flips(zstdLevel: Int32?) throws {
        let bytes = sample.file(zstdLevel: zstdLevel, pageRowCount: 32)
        var generator = SeededGenerator(seed: 4)
        var reader = PageReader()
        var detectedCount = 0
        for offset in bytes.indices {
            let masks = (0..<8).map { 1 << UInt8($0) } + [0xff, UInt8.random(in: 1...255, using: &generator)]
            for mask in masks {
                var damaged = bytes
                damaged[offset] ^= mask
                do throws(ParquetError) {
                    let columns = try readColumns(damaged, &reader, rowCountMax: 10_000)
                    #expect(columns.map(\.values) == sample.values, "byte \(offset) xor \(mask)")
                } catch {
                    detectedCount += 1
                }
            }
        }
        // Names, bounds and the caller's own bytes may change unnoticed; lengths, offsets and pages may not.
        #expect(detectedCount > bytes.count * 10 / 2)
    }

    @Test("every damaged page is noticed")
    func damagedPages() throws {
        let bytes = sample.file(pageRowCount: 32)
        let file = try ParquetFile(parsing: bytes.span.bytes)
        let pages = file.rowGroups[0].columns.flatMap { [$0.dictionaryPage].compactMap { $0 } + $0.pages }
        var reader = PageReader()
        for page in pages {
            let headerByteCount = try reader.header(of: page, in: bytes.span.bytes).headerByteCount
            for offset in page.offset + headerByteCount..<page.byteRange.upperBound {
                var damaged = bytes
                damaged[offset] ^= 0x04
                let error = #expect(throws: ParquetError.self) { try readColumns(damaged, &reader) }
                #expect(error?.kind == .checksumMismatch && error?.offset == page.offset)
            }
        }
    }

    @Test("decoders meet any damage without a trap where checksums are not compared")
    func unverifiedFlips() throws {
        for zstdLevel in [Int32?.none, 1] {
            let bytes = sample.file(zstdLevel: zstdLevel, pageRowCount: 60)
            let end = try ParquetFile(parsing: bytes.span.bytes).rowGroups[0].columns.last?.byteRange.upperBound ?? 0
            let seed: UInt64 = 6
            var generator = SeededGenerator(seed: seed)
            var reader = PageReader(verifiesChecksums: false)
            var errorCount = 0
            for _ in 0..<20_000 {
                var damaged = bytes
                for _ in 0..<Int.random(in: 1...4, using: &generator) {
                    damaged[Int.random(in: 4..<end, using: &generator)] = UInt8(truncatingIfNeeded: generator.next())
                }
                do throws(ParquetError) {
                    let columns = try readColumns(damaged, &reader, rowCountMax: 10_000)
                    #expect(columns.count == ParquetSample.columns.count)
                } catch { errorCount += 1 }
            }
            #expect(errorCount > 0)
        }
    }

    @Test("a file cut short anywhere is refused")
    func truncation() {
        let bytes = sample.file(pageRowCount: 32)
        for count in bytes.indices {
            let error = #expect(throws: ParquetError.self) {
                try ParquetFile(parsing: bytes.span.bytes.extracting(first: count))
            }
            #expect(error?.kind == .notParquet)
        }
    }

    @Test("a footer cut short anywhere is refused, even with its length put right")
    func footerTruncation() throws {
        let bytes = sample.file(pageRowCount: 32)
        let footer = try ParquetFile(parsing: bytes.span.bytes).footerRange
        for count in 0..<footer.count {
            var cut = Array(bytes[..<(footer.lowerBound + count)])
            for shift in [0, 8, 16, 24] { cut.append(UInt8(truncatingIfNeeded: count >> shift)) }
            cut += Array("PAR1".utf8)
            #expect(throws: ParquetError.self) { try ParquetFile(parsing: cut.span.bytes) }
        }
    }

    @Test("random bytes as a footer are refused or harmless")
    func randomFooters() {
        let seed: UInt64 = 8
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<50_000 {
            let count = Int.random(in: 0...60, using: &generator)
            // Small bytes make plausible Thrift.
            let bound: UInt8 = [0x1f, 0x3c, 0xff].randomElement(using: &generator)!
            let footer = (0..<count).map { _ in UInt8.random(in: 0...bound, using: &generator) }
            let bytes = Array("PAR1".utf8) + footer + [UInt8(count), 0, 0, 0] + Array("PAR1".utf8)
            if let file = try? ParquetFile(parsing: bytes.span.bytes) { #expect(!file.schema.columns.isEmpty) }
        }
    }
}
