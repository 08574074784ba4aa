#if canImport(Glibc)
import Glibc
#else
import Musl
#endif
package import TripModel

/// A ZIP archive of CSV files, each of which is copied out as it is stored, without being decompressed.
///
/// A deflated entry becomes a gzip file: both have the same compressed bytes, and the directory has the checksum and the length that a
/// gzip file ends with. So what comes out is a file like any other, which is decompressed once, when its job reads it.
///
/// Memory safety: bytes are read into a buffer of known size.
package final class ArchiveFile {
    /// The files of the archive that are CSV.
    package let entries: [ArchiveDirectory.Entry]
    /// The names of others, without folders and what is hidden.
    package let others: [String]
    private let path: String
    private let file: OpenFile
    private var descriptor: Int32 { file.descriptor }
    private let directory: ArchiveDirectory
    private static let pieceByteCount = 1 << 20

    /// Opens an archive.
    ///
    /// - Throws: `badInput` if it has no CSV, with what it has instead.
    package init(_ path: String) throws(TripstoreError) {
        self.path = path
        let file = try OpenFile(path)
        self.file = file
        let descriptor = file.descriptor
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileSystem.error("open", path) }
        do throws(TripstoreError) {
            directory = try ArchiveDirectory(byteCount: Int(status.st_size)) { offset, count throws(TripstoreError) in
                try Self.read(descriptor, path, offset, count)
            }
        } catch {
            // What it would be if it were whole matters more.
            let beginning = String(decoding: try Self.read(descriptor, path, 0, 100), as: UTF8.self)
            throw beginning.contains("[Content_Types].xml") ? Self.workbook : error
        }
        let shown = directory.entries.filter { !ArchiveName.isHidden($0.name) }
        if let document = Self.document(shown.map(\.name)) { throw document }
        let files = shown.filter { !$0.isLink }
        var csv = files.filter { ArchiveName.isOfCSV($0.name) }
        if csv.isEmpty { csv = files.filter { ArchiveName.mayBeOfCSV($0.name) } }
        entries = csv
        others = shown.filter { !csv.contains($0) }.map(\.name)
        if csv.isEmpty { throw Self.objection(to: shown.map(\.name)) }
    }

    /// A file that is closed whatever comes of its archive: an initializer that throws runs no `deinit`.
    private final class OpenFile {
        let descriptor: Int32

        init(_ path: String) throws(TripstoreError) {
            descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw FileSystem.error("open", path) }
        }

        deinit { close(descriptor) }
    }

    /// Whether a file is an archive with CSV files.
    package static func isReadable(_ path: String) -> Bool {
        guard FileSystem.byteCount(of: path) != nil else { return false }
        guard let file = try? OpenFile(path), (try? read(file.descriptor, path, 0, 4)) == ArchiveDirectory.fileMagic else {
            return false
        }
        return (try? ArchiveFile(path)) != nil
    }

    private static let workbook = TripstoreError(.badInput, "The file is an Excel workbook; save it as CSV.")

    /// What to say of an archive that an office program made.
    private static func document(_ names: [String]) -> TripstoreError? {
        if names.contains("[Content_Types].xml"), names.contains(where: { $0.hasPrefix("xl/") }) { return workbook }
        if names.contains("mimetype"), names.contains("content.xml") {
            return TripstoreError(.badInput, "The file is an OpenDocument spreadsheet; save its sheet as CSV.")
        }
        return nil
    }

    private static func objection(to names: [String]) -> TripstoreError {
        if names.isEmpty { return TripstoreError(.badInput, "The ZIP archive has no files; fetch it again.") }
        let shown = names.prefix(3).joined(separator: ", ")
        let more = names.count > 3 ? " and \((names.count - 3).grouped) more" : ""
        return TripstoreError(
            .badInput,
            "The ZIP archive has no CSV file, but \(shown)\(more); extract it, and load what has trips as .csv, .csv.gz, .csv.zst or .csv.bz2."
        )
    }

    // MARK: Entries

    /// Throws if an entry cannot be read, with the reason.
    package func requireReadable(_ entry: ArchiveDirectory.Entry) throws(TripstoreError) {
        if entry.isEncrypted {
            throw TripstoreError(.badInput, "\(entry.name) is encrypted; extract it with its password and load the file.")
        }
        guard [0, 8, 12, 20, 93].contains(entry.method) else {
            let names: [UInt16: String] = [
                1: "shrunk", 6: "imploded", 9: "Deflate64", 14: "LZMA", 95: "xz", 97: "WavPack", 98: "PPMd",
            ]
            throw TripstoreError(
                .badInput,
                "\(entry.name) is compressed by a method that cannot be read (\(names[entry.method] ?? "number \(entry.method)")); extract "
                    + "it and load the file.")
        }
        guard entry.method != 0 || entry.storedByteCount == entry.plainByteCount else { throw Self.damage(entry) }
    }

    private static func damage(_ entry: ArchiveDirectory.Entry) -> TripstoreError {
        TripstoreError(.badInput, "\(entry.name) in the ZIP archive is damaged; fetch the archive again.")
    }

    /// Returns the hash of the file that `copy` makes.
    package func hash(of entry: ArchiveDirectory.Entry) throws(TripstoreError) -> ContentHash {
        let hasher = ContentHasher()
        try forEachPiece(of: entry) { piece throws(TripstoreError) in hasher.update(piece) }
        return hasher.hash
    }

    /// Writes an entry to a new file that only its owner may read.
    ///
    /// - Parameters:
    ///   - folder: where the file is made; its disk keeps `reserve` free.
    ///   - reserve: bytes that stay free.
    package func copy(
        _ entry: ArchiveDirectory.Entry, to path: String, in folder: String, leaving reserve: DiskReserve
    ) throws(TripstoreError) {
        let output = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard output >= 0 else { throw FileSystem.error("create", path) }
        defer { close(output) }
        do throws(TripstoreError) {
            try forEachPiece(of: entry) { piece throws(TripstoreError) in
                try reserve.require(in: folder)
                try FileSystem.write(piece, to: output, path: path)
            }
        } catch {
            unlink(path)
            throw error
        }
    }

    /// Writes an archive that comes as a stream to a new file, bounded as an upload is: its directory is at its end.
    package static func keep(
        _ source: ByteSource, as path: String, in folder: String, _ bounds: IngestionBounds
    ) throws(TripstoreError) {
        let output = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard output >= 0 else { throw FileSystem.error("create", path) }
        defer { close(output) }
        do throws(TripstoreError) {
            let buffer = ChunkBuffer(capacity: pieceByteCount)
            var (hasEnded, byteCount) = (false, 0)
            while !hasEnded {
                buffer.count = 0
                hasEnded = try buffer.fill(from: source, upTo: buffer.capacity)
                byteCount += buffer.count
                if let most = bounds.uploadByteCountMax, byteCount > most {
                    throw TripstoreError(
                        .badInput,
                        "The ZIP archive has more than \(most.grouped) bytes, the most that is kept of a stream (MAX_UPLOAD_BYTES)."
                    )
                }
                try bounds.reserve.require(in: folder)
                try buffer.withBytes(count: buffer.count) { bytes throws(TripstoreError) in
                    try FileSystem.write(bytes, to: output, path: path)
                }
            }
        } catch {
            unlink(path)
            throw error
        }
    }

    private func forEachPiece(
        of entry: ArchiveDirectory.Entry, _ body: (RawSpan) throws(TripstoreError) -> Void
    ) throws(TripstoreError) {
        try requireReadable(entry)
        let header = try Self.read(descriptor, path, entry.headerOffset, 30)
        guard header.count == 30, header.starts(with: ArchiveDirectory.fileMagic) else { throw Self.damage(entry) }
        let names = Int(header[26]) | Int(header[27]) << 8
        let extra = Int(header[28]) | Int(header[29]) << 8
        var offset = entry.headerOffset + 30 + names + extra
        guard entry.storedByteCount <= directory.offset - offset else { throw Self.damage(entry) }
        let beginning: [UInt8] = entry.method == 8 ? [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF] : []
        try body(beginning.span.bytes)
        var rest = entry.storedByteCount
        var checksum: UInt32 = 0
        while rest > 0 {
            let piece = try Self.read(descriptor, path, offset, min(rest, Self.pieceByteCount))
            guard !piece.isEmpty else { throw Self.damage(entry) }
            if entry.method == 0 { checksum = CRC32.checksum(piece.span.bytes, continuing: checksum) }
            try body(piece.span.bytes)
            offset += piece.count
            rest -= piece.count
        }
        if entry.method == 8 {
            let words = [entry.checksum, UInt32(truncatingIfNeeded: entry.plainByteCount)]
            let end = words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
            try body(end.span.bytes)
        }
        // The others have checksums of their own, which are checked when they are decompressed.
        guard entry.method != 0 || checksum == entry.checksum else { throw Self.damage(entry) }
    }

    /// Reads bytes of a file, fewer at its end.
    private static func read(
        _ descriptor: Int32, _ path: String, _ offset: Int, _ count: Int
    ) throws(TripstoreError) -> [UInt8] {
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            while initialized < count {
                let read = pread(
                    descriptor, buffer.baseAddress! + initialized, count - initialized, off_t(offset + initialized))
                if read > 0 {
                    initialized += read
                } else if read == 0 {
                    return
                } else if errno != EINTR {
                    failure = errno
                    return
                }
            }
        }
        if failure != 0 { throw FileSystem.error("read", path, failure) }
        return bytes
    }
}
