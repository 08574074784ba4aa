#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// The right to write to a store: held by one process at a time, and given back by the kernel however the process ends.
final class StoreLock: Sendable {
    private let descriptor: Lock<Int32?>

    /// Takes the lock; throws `.busy` with the holder's process number where another process has it.
    init(path: String) throws(ColumnStoreError) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileSystem.error("open", path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            var text = [UInt8](repeating: 0, count: 32)
            let count = read(descriptor, &text, text.count)
            close(descriptor)
            let holder = String(decoding: text.prefix(max(0, count)), as: UTF8.self)
            throw ColumnStoreError(
                .busy,
                "Another process (\(holder.isEmpty ? "unknown" : holder)) is writing to this store; "
                    + "send files to its POST /ingest, or end it first.")
        }
        let text = Array("\(getpid())".utf8)
        ftruncate(descriptor, 0)
        _ = pwrite(descriptor, text, text.count, 0)
        self.descriptor = Lock(descriptor)
    }

    deinit { release() }

    /// Gives the lock back.
    func release() {
        descriptor.withLock { held in
            if let descriptor = held { close(descriptor) }
            held = nil
        }
    }
}
