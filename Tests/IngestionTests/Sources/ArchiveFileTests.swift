import Foundation
import Ingestion
import TestSupport
import Testing
import TripModel

/// Files of a ZIP archive are copied out as they are stored, and are read as what they were.
@Suite(.timeLimit(.minutes(10)))
struct ArchiveFileTests {
    private let folder = TemporaryDirectory()
    private static let plain = [UInt8]((try? Data(contentsOf: URL(fileURLWithPath: Fixture.path("trips.csv")))) ?? Data())
    private static let gzip = [UInt8]((try? Data(contentsOf: URL(fileURLWithPath: Fixture.path("trips.csv.gz")))) ?? Data())
    private static let zstd = [UInt8]((try? Data(contentsOf: URL(fileURLWithPath: Fixture.path("trips.csv.zst")))) ?? Data())

    /// The deflated bytes of the fixture: without the header, which may have a name, and the eight bytes at the end.
    private static var deflated: [UInt8] {
        let nameEnd = gzip[3] & 8 == 0 ? 10 : (gzip[10...].firstIndex(of: 0) ?? 9) + 1
        return Array(gzip[nameEnd..<gzip.count - 8])
    }

    private static func entry(_ name: String, method: UInt16, _ stored: [UInt8]) -> ZipBuilder.Entry {
        ZipBuilder.Entry(
            name: Array(name.utf8), method: method, stored: stored, plainByteCount: plain.count,
            checksum: CRC32.checksum(plain.span.bytes))
    }

    private func write(_ archive: ZipBuilder) throws -> String {
        let path = "\(folder.path)/archive.zip"
        try Data(archive.bytes()).write(to: URL(fileURLWithPath: path))
        return path
    }

    private func contents(_ path: String) throws -> [UInt8] {
        let source = try ByteSource(path: path, ExpansionBound(multiple: 1000))
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        let count = try buffer.withUnsafeMutableBytes { try source.read(into: $0) }
        return Array(buffer[..<count])
    }

    @Test("Each method comes out as a file with the same text, and with the hash that was told before")
    func copied() throws {
        let archive = ZipBuilder(entries: [
            Self.entry("stored.csv", method: 0, Self.plain), Self.entry("deflated.csv", method: 8, Self.deflated),
            Self.entry("zstd.csv", method: 93, Self.zstd), Self.entry("__MACOSX/._a.csv", method: 0, Self.plain),
            Self.entry("notes.pdf", method: 0, Self.plain),
        ])
        let path = try write(archive)
        #expect(ArchiveFile.isReadable(path) && !ArchiveFile.isReadable(Fixture.path("trips.csv")))
        let file = try ArchiveFile(path)
        #expect(file.entries.map(\.name) == ["stored.csv", "deflated.csv", "zstd.csv"] && file.others == ["notes.pdf"])
        for entry in file.entries {
            let copy = "\(folder.path)/\(entry.name)"
            try file.copy(entry, to: copy, in: folder.path, leaving: .none)
            #expect(try file.hash(of: entry) == ContentHash.file(copy))
            #expect((try contents(copy) == Self.plain) == true, "\(entry.name)")
        }
    }

    @Test("An entry that cannot be read is named, with the reason, and leaves no file")
    func refused() throws {
        var damaged = Self.entry("damaged.csv", method: 0, Self.plain)
        damaged.checksum ^= 1
        var encrypted = Self.entry("secret.csv", method: 8, Self.deflated)
        encrypted.flags = 1
        let cases = [
            (damaged, "is damaged"), (encrypted, "is encrypted"), (Self.entry("a.csv", method: 9, Self.deflated), "Deflate64"),
            (Self.entry("a.csv", method: 77, Self.deflated), "number 77"), (Self.entry("a.csv", method: 0, []), "is damaged"),
        ]
        for (entry, reason) in cases {
            let file = try ArchiveFile(try write(ZipBuilder(entries: [entry])))
            let copy = "\(folder.path)/copy"
            let error = #expect(throws: TripstoreError.self) {
                try file.copy(file.entries[0], to: copy, in: folder.path, leaving: .none)
            }
            #expect(error?.code == .badInput && error?.message.contains(reason) == true, "\(error?.message ?? "")")
            #expect(error?.message.contains(file.entries[0].name) == true && FileSystem.byteCount(of: copy) == nil)
        }
    }

    @Test(
        "An archive without CSV says what it has instead",
        arguments: [
            (["a.json", "b.pdf"], "a.json, b.pdf"), (["[Content_Types].xml", "xl/workbook.xml"], "Excel workbook"),
            (["mimetype", "content.xml"], "OpenDocument"), ([], "no files"), (["__MACOSX/._a.csv"], "no files"),
            (["1.json", "2.json", "3.json", "4.json"], "3.json and 1 more"),
        ])
    func others(names: [String], reason: String) throws {
        let path = try write(ZipBuilder(entries: names.map { Self.entry($0, method: 0, Self.plain) }))
        let error = #expect(throws: TripstoreError.self) { try ArchiveFile(path) }
        #expect(error?.code == .badInput && error?.message.contains(reason) == true, "\(error?.message ?? "")")
    }

    @Test("An archive that cannot be read is not kept open")
    func descriptors() throws {
        var bytes = ZipBuilder(entries: [Self.entry("a.csv", method: 0, Self.plain)]).bytes()
        bytes.removeLast(30)
        let path = "\(folder.path)/cut.zip"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        for _ in 0..<3 { #expect(throws: TripstoreError.self) { try ArchiveFile(path) } }
        #expect(!ArchiveFile.isReadable(path))
        let descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
        let open = descriptors.filter {
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == path
        }
        #expect(open == [])
    }
}
