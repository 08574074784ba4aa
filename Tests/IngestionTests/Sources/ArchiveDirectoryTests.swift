import Ingestion
import Testing
import TripModel

/// Which files a ZIP archive has, by its directory.
@Suite(.timeLimit(.minutes(10)))
struct ArchiveDirectoryTests {
    private static func entry(_ name: String, _ text: String = "a,b\n") -> ZipBuilder.Entry {
        let bytes = Array(text.utf8)
        return ZipBuilder.Entry(
            name: Array(name.utf8), stored: bytes, plainByteCount: bytes.count, checksum: CRC32.checksum(bytes.span.bytes))
    }

    private static func directory(_ bytes: [UInt8]) throws(TripstoreError) -> ArchiveDirectory {
        try ArchiveDirectory(byteCount: bytes.count) { offset, count in Array(bytes[offset..<offset + count]) }
    }

    private static let two = ZipBuilder(entries: [entry("a.csv"), entry("b/c.csv", "x,y\n1,2\n")])

    @Test("Names, sizes and places are read, whatever surrounds the archive", arguments: [0, 1, 2, 3, 4, 5])
    func read(variant: Int) throws {
        var archive = Self.two
        switch variant {
        case 1: archive.comment = Array("PK\u{5}\u{6} in a comment, and more than a record of it".utf8)
        case 2: archive.prefix = Array("#!/bin/sh\n".utf8)
        case 3: archive.entries[1].isLarge = true
        case 4: archive.isLarge = true
        case 5: for index in 0...1 { archive.entries[index].hasDescriptor = true }
        default: break
        }
        let bytes = archive.bytes()
        let directory = try Self.directory(bytes)
        #expect(directory.entries.map(\.name) == ["a.csv", "b/c.csv"])
        #expect(directory.entries.map(\.plainByteCount) == [4, 8] && directory.entries.map(\.storedByteCount) == [4, 8])
        for entry in directory.entries { #expect(Array(bytes[entry.headerOffset...].prefix(4)) == ArchiveDirectory.fileMagic) }
    }

    @Test("Bytes may follow the archive; one without files has none")
    func ends() throws {
        #expect(try Self.directory(Self.two.bytes() + [0, 0, 0]).entries.count == 2)
        #expect(try Self.directory(ZipBuilder().bytes()).entries.isEmpty)
    }

    @Test("A name is UTF-8, else of the first PCs' code page, without what cannot be shown")
    func names() throws {
        var archive = ZipBuilder(entries: [Self.entry("žluť.csv"), Self.entry(""), Self.entry("a\u{1}b.csv")])
        archive.entries[1].name = [0x4D, 0x82, 0x78, 0xFF] + Array(".csv".utf8)
        #expect(try Self.directory(archive.bytes()).entries.map(\.name) == ["žluť.csv", "Méx\u{A0}.csv", "a\u{FFFD}b.csv"])
    }

    @Test(
        "Every archive that is cut off, and every one with a wrong number, is refused or read, and nothing is read outside of it"
    )
    func wrong() {
        for archive in [Self.two, ZipBuilder(entries: Self.two.entries, isLarge: true)] {
            let bytes = archive.bytes()
            for end in 0..<bytes.count {
                let error = #expect(throws: TripstoreError.self) { try Self.directory(Array(bytes[..<end])) }
                #expect(error?.code == .badInput)
            }
            for index in bytes.indices {
                for value in [0, 0x7F, 0xFF] as [UInt8] {
                    var changed = bytes
                    changed[index] = value
                    _ = try? Self.directory(changed)
                }
            }
        }
    }

    @Test("Entries that overlap, which would make few bytes many, are refused")
    func overlap() throws {
        var bytes = Self.two.bytes()
        let second = try #require(bytes.indices.last { bytes[$0...].starts(with: [0x50, 0x4B, 1, 2]) })
        bytes.replaceSubrange(second + 42..<second + 46, with: [0, 0, 0, 0])
        #expect(throws: TripstoreError.self) { try Self.directory(bytes) }
    }

    @Test("Parts of an archive, and more files than anyone has, are named")
    func refused() throws {
        var bytes = Self.two.bytes()
        bytes[bytes.count - 18] = 9
        let parts = #expect(throws: TripstoreError.self) { try Self.directory(bytes) }
        #expect(parts?.message.contains("one part of several") == true)
        let many = ZipBuilder(entries: Array(repeating: Self.entry("a.csv", ""), count: Limits.archiveEntryCountMax + 1))
        let error = #expect(throws: TripstoreError.self) { try Self.directory(many.bytes()) }
        #expect(error?.message.contains("more than 10,000 files") == true)
    }
}
