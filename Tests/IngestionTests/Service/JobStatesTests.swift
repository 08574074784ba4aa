import ColumnStore
import Foundation
import Ingestion
import LocalStore
import Logging
import Parquet
import TestSupport
import Testing
import TripModel

/// What becomes of jobs that are interrupted, changed under way, submitted again, or removed while they are resumed.
@Suite(.timeLimit(.minutes(10)))
struct JobStatesTests {
    private let folder = TemporaryDirectory()
    private static let header = "region,origin_coord,destination_coord,datetime,datasource\n"

    private func open(_ role: ProcessRole = .both, _ access: StoreAccess = .readWrite) throws -> LocalStore {
        var options = LocalStore.Options(
            dataDirectory: folder.path + "/store", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        options.workerCount = 2
        options.ingestionChunkRows = 500
        options.segmentRowCount = 1000
        options.access = access
        options.role = role
        return try LocalStore(options)
    }

    private func write(_ region: String, rows: Int, to name: String) throws -> String {
        let path = "\(folder.path)/\(name)"
        var text = Self.header
        for row in 0..<rows {
            text += "\(region),POINT (14.4 50.0),POINT (14.5 50.1),2018-05-28 09:\(10 + row / 60 % 50):\(10 + row % 50),a\n"
        }
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// Loads a part of a file, and leaves the job interrupted with something committed.
    private func interrupt(_ path: String) throws -> Int64 {
        while true {
            let store = try open()
            let id = try store.jobs.submitFile(path: path).id
            store.jobs.start()
            try waitUntil(pause: 100) { try !store.engine.summary().segments.isEmpty }
            store.close()
            let reader = try open(.own, .readOnly)
            if try reader.jobs.job(id).status == .interrupted { return id }
            // It was the quicker one.
            let again = try open()
            _ = try again.jobs.remove(id)
            again.close()
        }
    }

    private func trips(_ store: LocalStore, of region: String) -> Int {
        var query = WeeklyAverageQuery()
        query.filter.region = region
        return (try? store.weeklyAverage(query).totalTrips) ?? 0
    }

    @Test("A job that is resumed as soon as its failure is published runs again")
    func resumedAtOnce() throws {
        let path = try write("Brno", rows: 10, to: "trips.csv")
        try Data("no trips\n".utf8).write(to: URL(fileURLWithPath: path))
        let store = try open()
        defer { store.close() }
        let id = try store.jobs.submitFile(path: path).id
        let isResumed = Lock(false)
        // On the thread of the run that failed, which has not ended then.
        store.jobs.observeProgress { [loads = store.jobs] progress in
            guard progress.status == .failed,
                isResumed.withLock({ isResumed in
                    defer { isResumed = true }
                    return !isResumed
                })
            else { return }
            _ = try? self.write("Brno", rows: 10, to: "trips.csv")
            _ = try? loads.resume(id)
        }
        store.jobs.start()
        try waitUntil { isResumed.withLock { $0 } }
        let job = try store.jobs.waitForEnd(of: id)
        #expect(job.status == .completed && job.processedRows == 10)
    }

    @Test("The threads of a store keep no jobs that its owner has dropped without closing it", .timeLimit(.minutes(10)))
    func dropped() throws {
        weak var jobs: JobService?
        do {
            let store = try open()
            jobs = store.jobs
            store.jobs.start()
            let id = try store.jobs.submitFile(path: try write("Brno", rows: 10, to: "trips.csv")).id
            #expect(try store.jobs.waitForEnd(of: id).status == .completed)
        }
        // A turn of a thread may be under way.
        while jobs != nil { usleep(1000) }
    }

    // MARK: Sources that change

    @Test("A resumed load never splices two files", arguments: ["other", "sameLength", "shorter"])
    func neverSpliced(change: String) throws {
        let rows = 200_000
        let path = try write("Brno", rows: rows, to: "trips.csv")
        let id = try interrupt(path)
        switch change {
        case "other": _ = try write("Turin", rows: rows * 2, to: "trips.csv")
        case "sameLength": _ = try write("Linz", rows: rows, to: "trips.csv")
        default: _ = try write("Brno", rows: 10, to: "trips.csv")
        }
        let store = try open()
        defer { store.close() }
        _ = try store.jobs.resume(id)
        store.jobs.start()
        let failed = try store.jobs.waitForEnd(of: id)
        #expect(failed.status == .failed && failed.processedRows == 0)
        #expect(failed.message?.hasPrefix("trips.csv changed since ") == true)
        #expect(try store.engine.summary().segments.isEmpty)
        // The choice to start again.
        _ = try store.jobs.resume(id)
        let completed = try store.jobs.waitForEnd(of: id)
        let expected = ["other": ("Turin", rows * 2), "sameLength": ("Linz", rows), "shorter": ("Brno", 10)][change]!
        #expect(completed.status == .completed && completed.processedRows == expected.1)
        #expect(trips(store, of: expected.0) == expected.1)
        #expect(try store.regions().regions.count == 1)
    }

    @Test("A file that only grew behind the checkpoint is resumed, and is ingested as it is now")
    func grown() throws {
        let path = try write("Brno", rows: 200_000, to: "trips.csv")
        let id = try interrupt(path)
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data("Brno,POINT (14.4 50.0),POINT (14.5 50.1),2018-05-28 09:10:10,a\n".utf8))
        try file.close()
        let store = try open()
        defer { store.close() }
        _ = try store.jobs.resume(id)
        store.jobs.start()
        #expect(try store.jobs.waitForEnd(of: id).status == .completed)
        #expect(trips(store, of: "Brno") == 200_001)
    }

    // MARK: The same call again

    @Test("The same call again skips completed files and resumes interrupted ones")
    func sameCallAgain() throws {
        let first = try write("Brno", rows: 10, to: "first.csv")
        let second = try write("Linz", rows: 200_000, to: "second.csv")
        let id = try interrupt(second)
        var store = try open(.own)
        store.jobs.start()
        _ = try store.jobs.waitForEnd(of: store.jobs.submitFile(path: first).id)
        #expect(try store.jobs.job(id).status == .interrupted)
        store.close()
        store = try open(.own)
        defer { store.close() }
        let results = try store.jobs.submitFiles(paths: [first, second]).map { try $0.get() }
        guard case .duplicate(let known) = results[0], case .resumed(let resumed) = results[1] else {
            Issue.record("\(results)")
            return
        }
        #expect(known.filename == "first.csv" && resumed.id == id && resumed.processedRows > 0)
        store.jobs.start()
        #expect(try store.jobs.waitForEnd(of: id).status == .completed)
        #expect(trips(store, of: "Brno") == 10 && trips(store, of: "Linz") == 200_000)
        #expect(
            try store.jobs.submitFiles(paths: [first, second]).allSatisfy {
                if case .success(.duplicate) = $0 { true } else { false }
            })
    }

    @Test("Two files of one call with the same bytes are loaded once, whatever their names")
    func twinsOfOneCall() throws {
        let path = try write("Brno", rows: 10, to: "first.csv")
        let twin = try write("Brno", rows: 10, to: "twin.csv")
        let store = try open()
        defer { store.close() }
        let results = try store.jobs.submitFiles(paths: [path, twin, path]).map { try $0.get() }
        #expect(Set(results.map(\.job.id)).count == 1)
        store.jobs.start()
        _ = try store.jobs.waitForEnd(of: results[0].job.id)
        #expect(trips(store, of: "Brno") == 10)
    }

    @Test("The same rows in another compression are found at the end of the job", arguments: [10, 60_000])
    func sameContent(rows: Int) throws {
        let path = try write("Brno", rows: rows, to: "trips.csv")
        var compressed: [UInt8] = []
        let plain = try Data(contentsOf: URL(fileURLWithPath: path))
        ZstdCompressor(level: 1).compress(Array(plain).span.bytes, into: &compressed)
        let other = folder.path + "/trips.csv.zst"
        try Data(compressed).write(to: URL(fileURLWithPath: other))
        let store = try open()
        defer { store.close() }
        store.jobs.start()
        let first = try store.jobs.submitFile(path: path).id
        #expect(try store.jobs.waitForEnd(of: first).status == .completed)
        let second = try store.jobs.submitFile(path: other).id
        let failed = try store.jobs.waitForEnd(of: second)
        #expect(failed.status == .failed && failed.message?.contains("as job \(first)") == true)
        #expect(store.jobs.duplicate(of: second) == first)
        #expect(trips(store, of: "Brno") == rows)
        let third = try store.jobs.submitFile(path: other, allowsDuplicate: true).id
        #expect(try store.jobs.waitForEnd(of: third).status == .completed)
        #expect(trips(store, of: "Brno") == 2 * rows)
    }

    @Test("A duplicate of a job that was removed or failed is none")
    func removedOriginal() throws {
        let path = try write("Brno", rows: 10, to: "trips.csv")
        let store = try open()
        defer { store.close() }
        store.jobs.start()
        let first = try store.jobs.waitForEnd(of: store.jobs.submitFile(path: path).id)
        let error = #expect(throws: TripstoreError.self) { try store.jobs.submitFile(path: path) }
        #expect(error?.code == .conflict && error?.job == first.id)
        #expect(try store.jobs.remove(first.id).status == .deleted)
        let second = try store.jobs.waitForEnd(of: store.jobs.submitFile(path: path).id)
        #expect(second.status == .completed && trips(store, of: "Brno") == 10)
    }

    // MARK: Jobs of other processes

    @Test("A command leaves other processes' jobs alone; a server resumes uploads, not files that a command named")
    func leftovers() throws {
        var store = try open()
        let upload = store.jobs.uploadsDirectory + "/upload-1.part"
        try FileManager.default.copyItem(atPath: Fixture.path("trips.csv"), toPath: upload)
        let uploaded = try store.jobs.submitUpload(path: upload, filename: "trips.csv").id
        let file = try store.jobs.submitFile(path: try write("Brno", rows: 10, to: "trips.csv")).id
        store.close()
        store = try open(.own)
        store.jobs.start()
        let own = try store.jobs.submitFile(path: try write("Linz", rows: 10, to: "own.csv")).id
        _ = try store.jobs.waitForEnd(of: own)
        #expect(try [uploaded, file].allSatisfy { try store.jobs.job($0).status == .interrupted })
        #expect(try store.jobs.interruptedJobs().map(\.job.id) == [uploaded, file])
        store.close()
        store = try open()
        defer { store.close() }
        store.jobs.start()
        #expect(try store.jobs.waitForEnd(of: uploaded).status == .completed)
        #expect(try store.jobs.job(file).status == .interrupted)
        #expect(try store.jobs.remove(file).status == .cancelled)
    }

    @Test("A job of a killed process is shown as interrupted while no process has the store open")
    func killed() throws {
        let store = try open(.own)
        let id = try store.jobs.submitFile(path: try write("Brno", rows: 10, to: "trips.csv")).id
        let reader = try open(.own, .readOnly)
        #expect(try reader.jobs.job(id).status == .pending)
        // A copy is what a kill leaves: the catalog as it is, and no lock.
        let copy = folder.path + "/copy"
        try FileManager.default.copyItem(atPath: folder.path + "/store", toPath: copy)
        var options = LocalStore.Options(dataDirectory: copy, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        options.access = .readOnly
        let copied = try LocalStore(options)
        #expect(try copied.jobs.job(id).status == .interrupted)
        #expect(try copied.jobs.jobs(limit: 10, status: .interrupted).map(\.id) == [id])
        #expect(try copied.jobs.jobs(limit: 10, status: .pending).isEmpty)
        store.close()
    }

    // MARK: Deletion beside resumption

    @Test("A failed job that is removed while it is resumed is removed for good", arguments: 1...5)
    func removedWhileResumed(seed: Int) throws {
        let store = try open()
        defer { store.close() }
        store.jobs.start()
        let pool = WorkerPool(threadCount: 2)
        defer { pool.shutDown() }
        var random = SeededGenerator(seed: UInt64(seed))
        for round in 0..<60 {
            let upload = store.jobs.uploadsDirectory + "/upload-\(round).part"
            try Data("nonsense\n\(round)\n".utf8).write(to: URL(fileURLWithPath: upload))
            let id = try store.jobs.submitUpload(path: upload, filename: "trips.csv").id
            #expect(try store.jobs.waitForEnd(of: id).status == .failed)
            // The cause is gone: from now on it loads.
            let path = try write("R\(round)", rows: 3, to: "round.csv")
            _ = rename(path, upload)
            let pauses = (0..<2).map { _ in UInt32.random(in: 0...3000, using: &random) }
            let resumption = pool.submit {
                usleep(pauses[0])
                return try? store.jobs.resume(id)
            }
            usleep(pauses[1])
            #expect([.cancelled, .deleted].contains(try store.jobs.remove(id).status), "seed \(seed)")
            _ = try resumption.wait()
            // Nothing of it is left, and nothing comes back.
            try waitUntil(pause: 100) { try [.failed, .cancelled, .deleted].contains(store.jobs.job(id).status) }
            #expect([.cancelled, .deleted].contains(try store.jobs.job(id).status), "seed \(seed), round \(round)")
            #expect(trips(store, of: "R\(round)") == 0, "seed \(seed), round \(round)")
            #expect(!FileManager.default.fileExists(atPath: upload), "seed \(seed), round \(round)")
        }
        #expect(try store.engine.summary().liveRows == 0)
    }

    @Test("Jobs that are removed while they are loaded together leave the others whole")
    func removedFromAGroup() throws {
        let store = try open(.own)
        var ids: [Int64] = []
        for number in 0..<40 {
            ids.append(try store.jobs.submitFile(path: try write("R\(number)", rows: 2000, to: "\(number).csv")).id)
        }
        let pool = WorkerPool(threadCount: 2)
        defer { pool.shutDown() }
        store.jobs.start()
        let removed = Set(ids.filter { $0 % 3 == 0 })
        let removals = removed.map { id in pool.submit { try store.jobs.remove(id).status } }
        for removal in removals { #expect([.cancelled, .deleted].contains(try removal.wait())) }
        for id in ids {
            let status = try store.jobs.waitForEnd(of: id).status
            #expect(removed.contains(id) ? status == .cancelled || status == .deleted : status == .completed)
        }
        for (number, id) in ids.enumerated() { #expect(trips(store, of: "R\(number)") == (removed.contains(id) ? 0 : 2000)) }
        store.close()
        #expect(try open(.own, .readOnly).engine.summary().unnamedFiles.isEmpty)
    }
}
