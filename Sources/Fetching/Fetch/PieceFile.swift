import Foundation
import TripModel

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// The bytes of a fetch on disk, and notes of which of them are there.
///
/// Notes name only bytes that were synced before, so they are true after a power cut as well as after a kill.
final class PieceFile: Sendable {
    /// The contents of the notes.
    private struct Notes: Codable {
        var validator: Validator
        var ledger: PieceLedger
    }

    private struct State {
        var notes: Notes?
        /// Bytes of a file that is fetched in one stream.
        var streamByteCount = 0
        var lastNote = ContinuousClock.now
        var isNoting = false
    }

    private let file: PartialFile
    private let descriptor: Int32
    private let state: Lock<State>

    /// Opens what an earlier fetch has left, or an empty file.
    init(_ file: PartialFile) throws(TripstoreError) {
        self.file = file
        descriptor = open(file.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileSystem.error("create", file.path) }
        var state = State()
        if let data = try? Data(contentsOf: URL(fileURLWithPath: file.notesPath)),
            let notes = try? JSONDecoder().decode(Notes.self, from: data), notes.ledger.isSound,
            FileSystem.byteCount(of: file.path) == notes.ledger.totalByteCount
        {
            state.notes = notes
        }
        self.state = Lock(state)
    }

    deinit { close(descriptor) }

    /// What is known of a file that is fetched in pieces; nil if nothing is.
    var pieces: (validator: Validator, ledger: PieceLedger)? {
        state.withLock { state in state.notes.map { ($0.validator, $0.ledger) } }
    }

    /// Bytes that were fetched.
    var byteCount: Int { state.withLock { $0.notes?.ledger.receivedByteCount ?? $0.streamByteCount } }

    /// Drops all bytes and notes.
    func reset() throws(TripstoreError) {
        state.withLock { $0 = State() }
        try FileSystem.remove(file.notesPath)
        guard ftruncate(descriptor, 0) == 0 else { throw FileSystem.error("write to", file.path) }
    }

    /// Makes room for a file that is fetched in pieces.
    func begin(_ ledger: PieceLedger, _ validator: Validator) throws(TripstoreError) {
        try requireRoom(for: ledger.totalByteCount)
        guard ftruncate(descriptor, off_t(ledger.totalByteCount)) == 0 else { throw FileSystem.error("write to", file.path) }
        state.withLock { $0.notes = Notes(validator: validator, ledger: ledger) }
    }

    /// Refuses a file that is larger than allowed, or than the disk has room for.
    func requireRoom(for byteCount: Int) throws(TripstoreError) {
        try requireBound(byteCount)
        do throws(TripstoreError) {
            try file.reserve.require(in: folder, for: byteCount)
        } catch {
            throw error.code == .diskFull
                ? TripstoreError(.diskFull, "\(error.message) Then resume the job.", cause: error.cause) : error
        }
    }

    private func requireBound(_ byteCount: Int) throws(TripstoreError) {
        guard let most = file.byteCountMax, byteCount > most else { return }
        throw TripstoreError(
            .badInput,
            "The file has at least \(byteCount.grouped) bytes, and this server accepts \(most.grouped) (MAX_UPLOAD_BYTES); split it."
        )
    }

    private var folder: String {
        file.path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    }

    /// Writes bytes after the fetched ones of a piece.
    func write(_ bytes: [UInt8], piece: Int) throws(TripstoreError) {
        let missing = state.withLock { $0.notes?.ledger.missing(of: piece) }
        guard let offset = missing?.lowerBound else { return }
        try write(bytes, at: offset)
        state.withLock { $0.notes?.ledger.receive(bytes.count, of: piece) }
        try noteIfDue()
    }

    /// Writes bytes after all others.
    func append(_ bytes: [UInt8]) throws(TripstoreError) {
        try requireBound(byteCount + bytes.count)
        try write(bytes, at: state.withLock { $0.streamByteCount })
        state.withLock { $0.streamByteCount += bytes.count }
    }

    private func write(_ bytes: [UInt8], at offset: Int) throws(TripstoreError) {
        try file.reserve.require(in: folder)
        var failure: Int32 = 0
        bytes.withUnsafeBytes { buffer in
            var written = 0
            while written < buffer.count {
                let count = pwrite(descriptor, buffer.baseAddress! + written, buffer.count - written, off_t(offset + written))
                if count >= 0 {
                    written += count
                } else if errno != EINTR {
                    failure = errno
                    return
                }
            }
        }
        if failure != 0 { throw FileSystem.error("write to", file.path, failure) }
        FileSystem.startWriteback(descriptor, offset: offset, byteCount: bytes.count)
    }

    private func noteIfDue() throws(TripstoreError) {
        let isDue = state.withLock { state in
            guard !state.isNoting, ContinuousClock.now - state.lastNote >= FetchLimits.noteInterval else { return false }
            state.isNoting = true
            return true
        }
        if isDue { try note() }
    }

    /// Records what was fetched, for the fetch that resumes from it.
    func note() throws(TripstoreError) {
        defer {
            state.withLock {
                $0.isNoting = false
                $0.lastNote = .now
            }
        }
        guard let notes = state.withLock({ $0.notes }), let data = try? JSONEncoder().encode(notes) else { return }
        guard fdatasync(descriptor) == 0 else { throw FileSystem.error("sync", file.path) }
        let slash = file.notesPath.lastIndex(of: "/")!
        var durable = try DurableFile(
            directory: String(file.notesPath[..<slash]), name: String(file.notesPath[slash...].dropFirst()))
        try durable.write(Array(data))
        try durable.commit()
    }
}
