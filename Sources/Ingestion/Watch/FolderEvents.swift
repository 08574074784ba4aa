import Dispatch
import TripModel

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// Tells of files in a folder that their writers have closed, or that were moved there: Linux's inotify.
///
/// Folders of network file systems tell nothing of what other machines do; whoever watches looks at them now and then as well.
///
/// Unsafe code: the events in the buffer of `read`.
final class FolderEvents: @unchecked Sendable {
    private let descriptor: Int32
    private let source: any DispatchSourceRead

    /// Watches a folder; throws `.io` if the system offers no more watches.
    ///
    /// - Parameter report: called with names of files that are complete, on another thread; must return soon.
    init(_ folder: String, report: @escaping @Sendable ([String]) -> Void) throws(TripstoreError) {
        let descriptor = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
        guard descriptor >= 0 else { throw FileSystem.error("watch", folder) }
        guard inotify_add_watch(descriptor, folder, UInt32(IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR)) >= 0 else {
            let error = FileSystem.error("watch", folder)
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: .global(qos: .utility))
        source.setEventHandler { report(Self.names(descriptor)) }
        source.setCancelHandler { close(descriptor) }
        source.resume()
    }

    func stop() { source.cancel() }

    /// Returns the names in the events that wait.
    private static func names(_ descriptor: Int32) -> [String] {
        var names: [String] = []
        withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 8) { buffer in
            while true {
                let count = read(descriptor, buffer.baseAddress, buffer.count)
                guard count > 0 else { return }
                var position = 0
                while position + MemoryLayout<inotify_event>.size <= count {
                    let length = Int(buffer.load(fromByteOffset: position + 12, as: UInt32.self))
                    let start = position + MemoryLayout<inotify_event>.size
                    guard start + length <= count else { return }
                    let name = buffer[start..<start + length].prefix { $0 != 0 }
                    if !name.isEmpty { names.append(String(decoding: name, as: UTF8.self)) }
                    position = start + length
                }
            }
        }
        return names
    }
}
