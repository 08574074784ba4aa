import ColumnStore
import Foundation
import TestSupport
import Testing
import TripModel

/// One writer at a time, whose name others are told.
@Suite(.timeLimit(.minutes(10)))
struct StoreLockTests {
    private let folder = TemporaryDirectory()
    private var path: String { folder.path + "/lock" }

    @Test("A lock has one holder, which others see and are told of, until it is released")
    func exclusive() throws {
        #expect(!StoreLock.hasWriter(path: path))
        let lock = try StoreLock(path: path)
        for _ in 0..<2 {
            let error = #expect(throws: TripstoreError.self) { try StoreLock(path: path) }
            #expect(error?.code == .busy && error?.message.contains("Process \(getpid())") == true, "\(error?.message ?? "")")
            #expect(StoreLock.hasWriter(path: path))
        }
        lock.release()
        #expect(!StoreLock.hasWriter(path: path))
        let next = try StoreLock(path: path)
        #expect(StoreLock.hasWriter(path: path))
        // Again, as at the end of a process that closed its store: the other's lock stays.
        lock.release()
        #expect(StoreLock.hasWriter(path: path))
        next.release()
    }

    @Test("A server's address is told to whom it refuses, and shorter addresses leave nothing of longer ones")
    func address() throws {
        let lock = try StoreLock(path: path)
        defer { lock.release() }
        for address in ["http://a-long-name.example:8000", "http://b:1"] {
            lock.note(address: address)
            let error = #expect(throws: TripstoreError.self) { try StoreLock(path: path) }
            #expect(error?.message.contains("\(address)/ingest/") == true, "\(error?.message ?? "")")
        }
    }

    @Test("A lock is released with its object, and what an earlier holder left does not hold")
    func leftover() throws {
        do { _ = try StoreLock(path: path) }
        #expect(FileManager.default.contents(atPath: path)?.isEmpty == false && !StoreLock.hasWriter(path: path))
        for text in ["", "{", "{\"process\":1}", String(repeating: "x", count: 10_000)] {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            let lock = try StoreLock(path: path)
            #expect(StoreLock.hasWriter(path: path), "\(text.prefix(20))")
            lock.release()
        }
    }
}
