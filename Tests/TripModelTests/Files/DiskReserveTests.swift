import Foundation
import TestSupport
import Testing
import TripModel

/// What writers leave free on a disk, and who may read what they write.
@Suite(.timeLimit(.minutes(10)))
struct DiskReserveTests {
    private let folder = TemporaryDirectory()

    @Test("A writer stops before the reserve, and takes its file away")
    func writersStop() throws {
        let free = try FileSystem.freeByteCount(folder.path)
        let error = #expect(throws: TripstoreError.self) {
            _ = try DurableFile(directory: folder.path, name: "file", leaving: DiskReserve(byteCount: 2 * free))
        }
        #expect(error?.code == .diskFull && error?.message.contains("DISK_RESERVE") == true)
        #expect(throws: TripstoreError.self) { try DiskReserve(byteCount: 0).require(in: folder.path, for: 2 * free) }
        try DiskReserve(byteCount: 0).require(in: folder.path)
        try DiskReserve.standard.require(in: folder.path)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    @Test("What we make, our user alone may read; exports everybody")
    func rights() throws {
        let mode = { (name: String) in
            try FileManager.default.attributesOfItem(atPath: folder.path + name)[.posixPermissions] as? Int
        }
        try FileSystem.makeDirectory(folder.path + "/ours/deep")
        try FileSystem.makeDirectory(folder.path + "/theirs", for: .everyone)
        try DurableFile(directory: folder.path + "/ours", name: "file").commit()
        try DurableFile(directory: folder.path + "/theirs", name: "file", for: .everyone).commit()
        #expect(try ["/ours", "/ours/deep", "/ours/file"].map(mode) == [0o700, 0o700, 0o600])
        #expect(try ["/theirs", "/theirs/file"].map(mode) == [0o755, 0o644])
    }
}
