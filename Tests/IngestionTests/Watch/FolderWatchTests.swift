import Foundation
import Ingestion
import LocalStore
import Logging
import TestSupport
import Testing
import TripModel

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// A watched folder: what is complete is ingested once and moved, with a reason beside it.
@Suite(.timeLimit(.minutes(10)))
struct FolderWatchTests {
    private let folder = TemporaryDirectory()
    private var inbox: String { folder.path + "/inbox" }
    private let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init() throws {
        try FileManager.default.createDirectory(atPath: folder.path + "/inbox", withIntermediateDirectories: false)
    }

    /// Runs a body while the folder is watched.
    private func watching(profile: String? = nil, _ body: (LocalStore) throws -> Void) throws {
        var options = LocalStore.Options(dataDirectory: folder.path + "/store", logger: silent)
        options.workerCount = 2
        let store = try LocalStore(options)
        defer { store.close() }
        let watch = try FolderWatch(store.store, folder: inbox, profile: profile, logger: silent)
        store.jobs.start()
        watch.start()
        defer { watch.stop() }
        try body(store)
    }

    /// Waits for files under `done` or `failed`, and for nothing else in the inbox than these folders and what is ignored.
    private func expect(_ files: [String]) throws {
        let wanted = Set(files)
        try waitUntil(pause: 20_000) {
            let found = try FileManager.default.subpathsOfDirectory(atPath: inbox).filter { !["done", "failed"].contains($0) }
            return Set(found) == wanted
        }
    }

    private func text(_ name: String) throws -> String { try String(contentsOfFile: "\(inbox)/\(name)", encoding: .utf8) }

    @Test(
        "Files that were there and files that come are ingested once, in the end moved, and what failed has its reason beside it"
    )
    func files() throws {
        let sample = try Data(contentsOf: URL(fileURLWithPath: Fixture.path("trips.csv")))
        try sample.write(to: URL(fileURLWithPath: inbox + "/before.csv"))
        try watching { store in
            try expect(["done/before.csv"])
            // The same bytes again, under the same name and under another.
            try sample.write(to: URL(fileURLWithPath: inbox + "/before.csv"))
            try Data("a,b\n1,2\n".utf8).write(to: URL(fileURLWithPath: inbox + "/other.csv"))
            try Data("half".utf8).write(to: URL(fileURLWithPath: inbox + "/later.csv.part"))
            try expect([
                "done/before.csv", "done/before-2.csv", "failed/other.csv", "failed/other.csv.reason.txt", "later.csv.part",
            ])
            #expect(try text("failed/other.csv.reason.txt").contains("move the file back to"))
            try sample.write(to: URL(fileURLWithPath: folder.path + "/copy.csv"))
            try FileManager.default.moveItem(atPath: folder.path + "/copy.csv", toPath: inbox + "/copy.csv")
            try waitUntil { FileManager.default.fileExists(atPath: inbox + "/done/copy.csv.reason.txt") }
            #expect(try text("done/copy.csv.reason.txt").contains("the same bytes were loaded as job 1 (before.csv)"))
            #expect(try store.engine.regions().regions.reduce(0) { $0 + $1.trips } == 100)
        }
    }

    @Test("A file that is being written is left alone until its writer closes it")
    func beingWritten() throws {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: Fixture.path("trips.csv")))
        try watching { store in
            // Created by its writer, as a file that is closed once may be complete.
            let descriptor = open(inbox + "/slow.csv", O_WRONLY | O_CREAT | O_EXCL, 0o644)
            try #require(descriptor >= 0)
            let writer = FileHandle(fileDescriptor: descriptor)
            try writer.write(contentsOf: bytes.prefix(2000))
            // Another one, which is complete, comes and goes meanwhile.
            try Data("a,b\n1,2\n".utf8).write(to: URL(fileURLWithPath: inbox + "/other.csv"))
            try expect(["slow.csv", "failed/other.csv", "failed/other.csv.reason.txt"])
            try writer.write(contentsOf: bytes.dropFirst(2000))
            try writer.close()
            try expect(["done/slow.csv", "failed/other.csv", "failed/other.csv.reason.txt"])
            #expect(try store.engine.regions().regions.reduce(0) { $0 + $1.trips } == 100)
        }
    }

    @Test("A folder that is none, one of the store and a profile that is none are refused")
    func refused() throws {
        let store = try LocalStore(LocalStore.Options(dataDirectory: folder.path + "/store", logger: silent))
        defer { store.close() }
        for (path, profile, reason) in [
            (folder.path + "/absent", nil, "is no folder"), (folder.path + "/store", nil, "belongs to the store"),
            (folder.path + "/store/uploads", nil, "belongs to the store"), (inbox, "unknown", "unknown"),
        ] as [(String, String?, String)] {
            let error = #expect(throws: TripstoreError.self) {
                try FolderWatch(store.store, folder: path, profile: profile, logger: silent)
            }
            #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
        }
    }
}
