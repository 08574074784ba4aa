import ColumnStore
import Foundation
import Ingestion
import LocalStore
import Logging
import TestSupport
import Testing
import TripModel

/// How a file is read belongs to its job: a resumed one keeps it, and another way to read the same file is another job.
@Suite(.timeLimit(.minutes(10)))
struct JobOptionsTests {
    private let folder = TemporaryDirectory()

    private func open() throws -> LocalStore {
        try LocalStore(
            LocalStore.Options(
                dataDirectory: folder.path + "/store", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
    }

    private func options(_ region: String) -> ReadingOptions {
        var options = ReadingOptions()
        options.region = region
        return options
    }

    private func stored(_ id: Int64, in store: LocalStore) throws -> ReadingOptions? {
        try store.store.engine.storage.catalog.job(id)?.options
    }

    @Test("The same call resumes an interrupted job only if it says the same of how the file is read")
    func resumed() throws {
        let path = Fixture.path("trips.csv")
        let first = try open()
        let id = try first.jobs.submitFile(path: path, options: options("Oslo")).id
        first.close()

        let store = try open()
        defer { store.close() }
        #expect(try store.jobs.job(id).status == .interrupted)
        guard case .added(let other) = try store.jobs.submitFiles(paths: [path], options: options("Bergen"))[0].get(),
            case .resumed(let resumed) = try store.jobs.submitFiles(paths: [path], options: options("Oslo"))[0].get()
        else {
            Issue.record("A job of other options was resumed, or one of the same was not.")
            return
        }
        #expect(resumed.id == id && other.id != id)
        #expect(try stored(id, in: store) == options("Oslo") && stored(other.id, in: store) == options("Bergen"))
    }

    @Test("Of the same bytes, those that are read in the same way are skipped and others are refused")
    func again() throws {
        let store = try open()
        defer { store.close() }
        let path = Fixture.path("trips.csv")
        let id = try store.jobs.submitFile(path: path, options: options("Oslo")).id
        store.jobs.start()
        #expect(try store.jobs.waitForEnd(of: id).status == .completed)
        guard case .duplicate(let known) = try store.jobs.submitFiles(paths: [path], options: options("Oslo"))[0].get() else {
            Issue.record("The same call loads the file again.")
            return
        }
        #expect(known.id == id)
        let refused = try store.jobs.submitFiles(paths: [path])[0]
        let error = #expect(throws: TripstoreError.self) { try refused.get() }
        #expect(error?.code == .conflict && error?.job == id && error?.isDuplicate == false)
        let copy = "\(store.jobs.uploadsDirectory)/copy"
        try FileManager.default.copyItem(atPath: path, toPath: copy)
        let upload = #expect(throws: TripstoreError.self) {
            try store.jobs.submitUpload(path: copy, filename: "copy.csv", options: options("Bergen"))
        }
        #expect(upload?.message == error?.message && upload?.job == id)
        let twice = try store.jobs.submitUpload(
            path: copy, filename: "copy.csv", allowsDuplicate: true, options: options("Bergen"))
        #expect(try stored(twice.id, in: store) == options("Bergen"))
    }

    @Test("A profile completes the options of a request")
    func profiles() throws {
        let store = try open()
        defer { store.close() }
        _ = try store.jobs.saveProfile("oslo", options("Oslo"))
        #expect(try store.jobs.options(ReadingOptions(), profile: "oslo") == options("Oslo"))
        #expect(try store.jobs.options(options("Bergen"), profile: "oslo") == options("Bergen"))
        #expect(try store.jobs.options(options("Bergen"), profile: nil) == options("Bergen"))
        let error = #expect(throws: TripstoreError.self) { try store.jobs.options(ReadingOptions(), profile: "bergen") }
        #expect(error?.code == .invalidArgument)
    }
}
