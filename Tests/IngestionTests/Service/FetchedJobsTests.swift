import ColumnStore
import Foundation
import Ingestion
import LocalStore
import Logging
import TestSupport
import Testing
import TripModel

/// Jobs whose files are fetched by a scripted fetcher.
@Suite(.timeLimit(.minutes(10)))
struct FetchedJobsTests {
    private let folder = TemporaryDirectory()

    /// Fetches files of the fixtures: at once, in vain, or never to an end.
    private final class Fetcher: SourceFetcher {
        enum Way: Sendable { case whole, refuse, never }
        private let state = Lock((way: Way.whole, begun: 0, left: [Bool](), urls: [String]()))

        /// How files are fetched from now on.
        func set(_ way: Way) { state.withLock { $0.way = way } }

        /// Fetches that were begun.
        var begun: Int { state.withLock { $0.begun } }

        /// Of each of them, whether it found what an earlier one had left.
        var foundSome: [Bool] { state.withLock { $0.left } }

        /// The URLs of fetches that were begun.
        var urls: [String] { state.withLock { $0.urls } }

        func parts(of url: String) -> (place: String, secret: String) {
            let place = url.prefix { $0 != "?" }
            return (String(place), String(url.dropFirst(place.count)))
        }

        func filename(of url: String) throws(TripstoreError) -> String {
            guard url.hasPrefix("test://") else { throw TripstoreError(.invalidArgument, "Only test:// is fetched.") }
            return parts(of: url).place.split(separator: "/").last.map(String.init) ?? ""
        }

        func fetch(
            _ url: String, into file: PartialFile, report: @escaping @Sendable (FetchProgress) -> Void
        ) async throws(TripstoreError) {
            let isThere = FileManager.default.fileExists(atPath: file.path)
            let way = state.withLock { state in
                state.begun += 1
                state.left.append(isThere)
                state.urls.append(url)
                return state.way
            }
            let data = FileManager.default.contents(atPath: Fixture.path("trips.csv"))!
            _ = FileManager.default.createFile(atPath: file.notesPath, contents: Data())
            _ = FileManager.default.createFile(atPath: file.path, contents: way == .whole ? data : data.prefix(5000))
            report(FetchProgress(fetchedBytes: 5000, totalBytes: data.count))
            switch way {
            case .whole: return
            case .refuse: throw TripstoreError(.io, "The file cannot be had; try again.")
            case .never:
                while !Task.isCancelled { try? await Task.sleep(for: .seconds(60)) }
                throw TripstoreError(.cancelled, "Cancelled on request.")
            }
        }
    }

    private func open(_ fetcher: Fetcher?, _ name: String = "store") throws -> LocalStore {
        var options = LocalStore.Options(
            dataDirectory: folder.path + "/" + name, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        options.workerCount = 2
        options.fetcher = fetcher
        return try LocalStore(options)
    }

    private func uploads(_ store: LocalStore) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: store.jobs.uploadsDirectory).sorted()
    }

    private func until(_ condition: () throws -> Bool) async throws {
        while try !condition() { try await Task.sleep(for: .milliseconds(2)) }
    }

    private func trips(_ store: LocalStore) throws -> Int {
        try store.engine.snapshot().segments.reduce(0) { $0 + $1.rowCount }
    }

    @Test("A fetched file is loaded as an upload is, and is gone then")
    func whole() throws {
        let store = try open(Fetcher())
        defer { store.close() }
        let told = Lock<[JobProgress]>([])
        store.jobs.observeProgress { progress in told.withLock { $0.append(progress) } }
        let job = try store.jobs.submitURL("test://host/may.csv")
        #expect(job.status == .pending && job.filename == "may.csv" && job.totalBytes == nil)
        #expect(try store.jobs.job(job.id).message == "Waiting to be fetched.")
        store.jobs.start()
        let done = try store.jobs.waitForEnd(of: job.id)
        #expect(done.status == .completed && done.processedRows == 100 && done.message == nil)
        #expect(done.totalBytes == done.processedBytes)
        #expect(try trips(store) == 100)
        #expect(try uploads(store).isEmpty)
        let all = told.withLock { $0 }
        #expect(all.contains { $0.message == "Fetching: 5.0 of 12.8 kB" && $0.status == .pending && $0.totalBytes == 12839 })
        #expect(all.last?.status == .completed)
    }

    @Test("Observers learn that a job waits before they learn of its fetch, and may remove it then", .timeLimit(.minutes(10)))
    func observedWaiting() throws {
        let store = try open(Fetcher())
        defer { store.close() }
        let told = Lock<[Int64: [String]]>([:])
        let removed = Lock(Set<Int64>())
        store.jobs.observeProgress { [jobs = store.jobs] progress in
            guard let message = progress.message else { return }
            told.withLock { $0[progress.jobID, default: []].append(message) }
            guard message == "Waiting to be fetched.", progress.jobID.isMultiple(of: 2) else { return }
            if (try? jobs.remove(progress.jobID)) != nil { removed.withLock { _ = $0.insert(progress.jobID) } }
        }
        store.jobs.start()
        let ids = try (0..<20).map { try store.jobs.submitURL("test://host\($0)/may.csv", allowsDuplicate: true).id }
        for id in ids {
            let job = try store.jobs.waitForEnd(of: id)
            #expect(job.status == (removed.withLock { $0.contains(id) } ? .cancelled : .completed))
            #expect(told.withLock { $0[id]?.first } == "Waiting to be fetched.")
        }
        #expect(removed.withLock { $0 } == Set(ids.filter { $0.isMultiple(of: 2) }))
        #expect(try uploads(store).isEmpty)
    }

    @Test("A failed fetch gives its reason, and resumes from the bytes that it has")
    func refused() async throws {
        let fetcher = Fetcher()
        fetcher.set(.refuse)
        let store = try open(fetcher)
        defer { store.close() }
        store.jobs.start()
        let id = try store.jobs.submitURL("test://host/may.csv").id
        let failed = try store.jobs.waitForEnd(of: id)
        #expect(failed.status == .failed && failed.message == "The file cannot be had; try again.")
        #expect(try uploads(store).count == 2)
        fetcher.set(.whole)
        #expect(try store.jobs.resume(id).status == .pending)
        #expect(try store.jobs.waitForEnd(of: id).status == .completed)
        #expect(fetcher.foundSome == [false, true])
        #expect(throws: TripstoreError.self) { try store.jobs.resume(id) }
    }

    @Test("A job that is fetched is cancelled, and nothing of it is left", arguments: [true, false])
    func cancelled(isFetching: Bool) async throws {
        let fetcher = Fetcher()
        fetcher.set(.never)
        let store = try open(fetcher)
        defer { store.close() }
        let id = try store.jobs.submitURL("test://host/may.csv").id
        if isFetching {
            store.jobs.start()
            try await until { try store.jobs.job(id).message?.hasPrefix("Fetching") == true }
        }
        let job = try store.jobs.remove(id)
        #expect(job.status == .cancelled && job.message == "Cancelled on request.")
        #expect(try store.jobs.job(id) == job)
        #expect(try uploads(store).isEmpty)
        store.jobs.start()
        #expect(try store.jobs.waitForEnd(of: id).status == .cancelled)
        #expect(fetcher.begun == (isFetching ? 1 : 0))
    }

    /// The files of a store that have some text in them.
    private func files(with text: String, in name: String = "store") throws -> [String] {
        let root = folder.path + "/" + name
        return try FileManager.default.subpathsOfDirectory(atPath: root).filter {
            FileManager.default.contents(atPath: root + "/" + $0)?.range(of: Data(text.utf8)) != nil
        }
    }

    @Test(
        "What follows a URL's question mark is in no file, but counts until the job is over: for a resume, and after a restart")
    func secrets() throws {
        let url = "test://host/may.csv?signature=canary"
        let fetcher = Fetcher()
        fetcher.set(.refuse)
        var store = try open(fetcher)
        store.jobs.start()
        let id = try store.jobs.submitURL(url).id
        #expect(try store.jobs.waitForEnd(of: id).status == .failed)
        #expect(try files(with: "canary").isEmpty)
        store.close()
        let mode = try FileManager.default.attributesOfItem(atPath: folder.path + "/store/source.key")[.posixPermissions]
        #expect(mode as? Int == 0o600)

        fetcher.set(.whole)
        store = try open(fetcher)
        store.jobs.start()
        _ = try store.jobs.resume(id)
        #expect(try store.jobs.waitForEnd(of: id).status == .completed)
        #expect(fetcher.urls == [url, url])
        let record = try #require(try store.engine.catalog.job(id))
        #expect(record.sourceURL == "test://host/may.csv" && record.sealedQuery == nil)
        store.close()
        #expect(try files(with: "canary").isEmpty)
    }

    @Test("What is sealed of a job that is deleted is forgotten", arguments: [true, false])
    func waitingSecrets(isFailed: Bool) throws {
        let url = "test://host/may.csv?signature=canary"
        let fetcher = Fetcher()
        fetcher.set(.refuse)
        let store = try open(fetcher)
        defer { store.close() }
        let id = try store.jobs.submitURL(url).id
        if isFailed {
            store.jobs.start()
            _ = try store.jobs.waitForEnd(of: id)
        }
        #expect(try store.engine.catalog.job(id)?.sealedQuery != nil)
        _ = try store.jobs.remove(id)
        #expect(try store.engine.catalog.job(id)?.sealedQuery == nil)
    }

    @Test(
        "Without its key, as in a backup, a sealed query fails its job with a sentence; it does not count beside another host")
    func lostKeys() throws {
        let fetcher = Fetcher()
        var store = try open(fetcher)
        let id = try store.jobs.submitURL("test://host/may.csv?signature=canary").id
        let other = try store.jobs.submitURL("test://host/june.csv?signature=canary").id
        try store.engine.catalog.setSource(
            other, from: "test://host/june.csv", to: "test://evil/june.csv",
            sealedQuery: try #require(try store.engine.catalog.job(other)?.sealedQuery))
        _ = try store.engine.backUp(to: folder.path + "/copy")
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/copy/source.key"))
        store.jobs.start()
        #expect(try store.jobs.waitForEnd(of: id).status == .completed)
        #expect(try store.jobs.waitForEnd(of: other).message?.contains("is encrypted, and its key is not here") == true)
        store.close()
        store = try open(fetcher, "copy")
        store.jobs.start()
        let failed = try store.jobs.waitForEnd(of: id)
        #expect(failed.status == .failed && failed.message?.contains("Submit the URL again") == true)
        store.close()
        #expect(fetcher.urls == ["test://host/may.csv?signature=canary"])
        #expect(try files(with: "canary", in: "copy").isEmpty)
    }

    @Test("A host that is slow does not have all places")
    func fairPlaces() async throws {
        let fetcher = Fetcher()
        fetcher.set(.never)
        let store = try open(fetcher)
        defer { store.close() }
        store.jobs.start()
        let slow = try (0..<12).map { try store.jobs.submitURL("test://slow:\(80 + $0)/\($0).csv").id }
        try await until { fetcher.begun == 4 }
        fetcher.set(.whole)
        let other = try store.jobs.submitURL("test://other/may.csv").id
        #expect(try store.jobs.waitForEnd(of: other).status == .completed)
        #expect(fetcher.urls.filter { $0.hasPrefix("test://slow") }.count == 4)
        for id in slow { _ = try store.jobs.remove(id) }
    }

    @Test("A failed job's half file goes with its job")
    func removedAfterFailure() throws {
        let fetcher = Fetcher()
        fetcher.set(.refuse)
        let store = try open(fetcher)
        defer { store.close() }
        store.jobs.start()
        let id = try store.jobs.submitURL("test://host/may.csv").id
        #expect(try store.jobs.waitForEnd(of: id).status == .failed)
        #expect(try store.jobs.remove(id).status == .cancelled)
        #expect(try uploads(store).isEmpty)
    }

    @Test("Fetches block no job, and a store resumes them when it is opened again")
    func reopened() async throws {
        let fetcher = Fetcher()
        fetcher.set(.never)
        var store = try open(fetcher)
        store.jobs.start()
        let ids = try (0..<10).map { try store.jobs.submitURL("test://host/\($0).csv", allowsDuplicate: true).id }
        let file = try store.jobs.submitFile(path: Fixture.path("trips.csv"), allowsDuplicate: true)
        #expect(try store.jobs.waitForEnd(of: file.id).status == .completed)
        try await until { try ids.prefix(4).allSatisfy { try store.jobs.job($0).message?.hasPrefix("Fetching") == true } }
        store.close()
        #expect(fetcher.begun == 4)
        fetcher.set(.whole)
        // A command that changes the store and loads nothing leaves them alone.
        store = try open(nil)
        #expect(try uploads(store).count == 8)
        store.jobs.start()
        store.close()
        store = try open(fetcher)
        defer { store.close() }
        store.jobs.start()
        for id in ids { #expect(try store.jobs.waitForEnd(of: id).status == .completed) }
        #expect(fetcher.foundSome.count { $0 } == 4)
        #expect(try trips(store) == 1100)
        #expect(try uploads(store).isEmpty)
    }

    @Test("A file that got its name right before a crash is loaded, not fetched; the sweep leaves what jobs need")
    func afterCrash() async throws {
        let fetcher = Fetcher()
        fetcher.set(.never)
        var store = try open(fetcher)
        store.jobs.start()
        let ids = try (0..<2).map { try store.jobs.submitURL("test://host/\($0).csv", allowsDuplicate: true).id }
        try await until { try ids.allSatisfy { try store.jobs.job($0).message?.hasPrefix("Fetching") == true } }
        let folder = store.jobs.uploadsDirectory
        let halves = try uploads(store)
        store.close()
        let whole = String(halves[0].dropLast(".fetching".count))
        try FileManager.default.removeItem(atPath: "\(folder)/\(halves[0])")
        try FileManager.default.copyItem(atPath: Fixture.path("trips.csv"), toPath: "\(folder)/\(whole)")
        for name in ["fetched-x.fetching", "fetched-x.fetching.json"] {
            try Data().write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
        }
        fetcher.set(.whole)
        store = try open(fetcher)
        defer { store.close() }
        #expect(try uploads(store) == ([whole] + halves.dropFirst()).sorted())
        store.jobs.start()
        for id in ids {
            let job = try store.jobs.waitForEnd(of: id)
            #expect(job.status == .completed && job.totalBytes == 12839)
        }
        #expect(fetcher.begun == 3)
    }

    @Test("A rebuilt catalog does not take a partial file for an upload")
    func rebuilt() async throws {
        let fetcher = Fetcher()
        fetcher.set(.never)
        let store = try open(fetcher)
        store.jobs.start()
        _ = try store.jobs.submitURL("test://host/may.csv")
        try await until { try store.jobs.jobs(limit: 1, status: nil).first?.message?.hasPrefix("Fetching") == true }
        store.close()
        for suffix in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: folder.path + "/store/catalog.sqlite" + suffix)
        }
        let report = try ColumnStore.rebuildCatalog(in: folder.path + "/store", replacesUsable: false, takesIncomplete: false)
        #expect(report.uploads.isEmpty)
    }

    @Test("What is never fetched makes no job")
    func neverFetched() throws {
        let store = try open(Fetcher())
        defer { store.close() }
        #expect(throws: TripstoreError.self) { try store.jobs.submitURL("other://host/may.csv") }
        #expect(try store.jobs.jobs(limit: 10, status: nil).isEmpty)
        let without = try open(nil, "other")
        defer { without.close() }
        let error = #expect(throws: TripstoreError.self) { try without.jobs.submitURL("test://host/may.csv") }
        #expect(error?.code == .conflict)
    }

    @Test(
        "How far a fetch is, in words",
        arguments: [
            (12_345_678, 80_000_000, "Fetching: 12.3 of 80.0 MB"), (999, 12_839, "Fetching: 0.9 of 12.8 kB"),
            (0, nil, "Fetching: 0.0 kB"), (1_250_000_000, nil, "Fetching: 1.2 GB"),
            (5_000_000, 3_210_000_000, "Fetching: 0.0 of 3.2 GB"),
        ] as [(Int, Int?, String)])
    func words(fetched: Int, total: Int?, words: String) {
        let message = FetchProgress(fetchedBytes: fetched, totalBytes: total).message
        #expect(message == words && !FetchProgress.isTrouble(message))
        let retry = FetchProgress(fetchedBytes: fetched, totalBytes: total, retry: "in 2 s (attempt 2 of 5): it broke").message
        #expect(retry == "Fetching again in 2 s (attempt 2 of 5): it broke" && FetchProgress.isTrouble(retry))
    }
}
