import ColumnStore
import Foundation
import PostgreSQL
import TestSupport
import Testing
import TripModel
import TripstoreAPI

private enum TestServer {
    /// The URL of a server whose databases have the names of `makeCatalog`; `DATABASE` is the placeholder for one of them.
    static let url = ProcessInfo.processInfo.environment["TRIPSTORE_TEST_CATALOG_URL"]
}

/// The catalog in PostgreSQL does what the one in SQLite does, which has more tests and a simpler database.
///
/// `Tests/Interop/test_postgresql.py` starts a server and sets `TRIPSTORE_TEST_CATALOG_URL`; there is none otherwise.
@Suite(.enabled(if: TestServer.url != nil), .serialized, .timeLimit(.minutes(10)))
struct PostgresCatalogTests {
    /// A catalog in a database of its own on the server that the variable names.
    private static func makeCatalog(
        _ database: String, lease: Int = 60, in folder: TemporaryDirectory
    ) throws -> PostgresCatalog {
        let url = try PostgresURL(#require(TestServer.url).replacing("DATABASE", with: database) + "?lease_seconds=\(lease)")
        return try PostgresCatalog(url, uploads: folder.path + "/uploads", access: .readWrite)
    }

    /// A job without what two catalogs can't have in common: times, and the worker.
    private static func text(_ record: JobRecord?) -> String {
        guard let record else { return "none" }
        var job = record.job
        job.createdAt = ""
        job.updatedAt = ""
        job.worker = nil
        let path = record.ownsSource ? record.sourcePath.split(separator: "/").last.map(String.init) ?? "" : record.sourcePath
        return
            "\(job.json) \(path) \(record.ownsSource) \(record.sourceURL ?? "-") \(record.ownsURL) \(record.attempt) \(record.startCount) \(record.checkpoint) \(record.options.json)"
    }

    private static func options(_ random: inout SeededGenerator) -> ReadingOptions {
        var options = ReadingOptions()
        options.region = ["Oslo", "it's \"odd\"", "Žluťoučký"].randomElement(using: &random)!
        options.map[.time] = Bool.random(using: &random) ? "Start \\ Time" : nil
        return options
    }

    private static func reading(_ random: inout SeededGenerator) -> JobReading {
        var reading = JobReading()
        reading.format = Bool.random(using: &random) ? options(&random) : nil
        if Bool.random(using: &random) { reading.notes = [JobNote(kind: "odd", trips: 5, text: "5 trips are \"odd\".")] }
        if Bool.random(using: &random) {
            reading.question = JobQuestion(option: "date_order", column: "Dátum", example: nil, choices: ["day-first"])
        }
        return reading
    }

    private static func profileStep(on catalog: any StoreCatalog, _ random: inout SeededGenerator) throws -> String {
        let name = ["a", "B", "a-b", "a.b", "_"].randomElement(using: &random)!
        switch Int.random(in: 0..<4, using: &random) {
        case 0: return try catalog.saveProfile(name, options(&random)).options.json
        case 1: return "\(try catalog.deleteProfile(name))"
        case 2: return try catalog.profile(name)?.options.json ?? "none"
        default: return try catalog.profiles().map { "\($0.name) \($0.options.json)" }.joined(separator: "; ")
        }
    }

    /// Does one thing at random and says what came of it.
    private static func step(
        on catalog: any StoreCatalog, claims: (any JobClaims)?, _ random: inout SeededGenerator
    ) throws -> String {
        let id = Int64.random(in: 1...12, using: &random)
        let statuses = Array(Job.Status.allCases.shuffled(using: &random).prefix(Int.random(in: 1...3, using: &random)))
        let status = Job.Status.allCases.randomElement(using: &random)!
        let number = { (random: inout SeededGenerator) in Int.random(in: 0...1_000_000, using: &random) }
        switch Int.random(in: 0..<24, using: &random) {
        case 0:
            let requests = (0..<Int.random(in: 1...3, using: &random)).map { _ in
                var request = JobRequest(
                    filename: ["a.csv", "Žluťoučký kůň.csv.gz", "it's \"odd\".csv"].randomElement(using: &random)!,
                    sourcePath: "/somewhere/uploads/\(number(&random))", ownsSource: Bool.random(using: &random),
                    totalBytes: Bool.random(using: &random) ? number(&random) : nil,
                    sourceURL: Bool.random(using: &random) ? "s3://bucket/\(number(&random))" : nil)
                request.ownsURL = request.sourceURL != nil && Bool.random(using: &random)
                request.isClaimed = true
                if Bool.random(using: &random) { request.options = options(&random) }
                return request
            }
            return try catalog.addJobs(requests).map(text).joined(separator: "; ")
        case 1: return text(try catalog.job(id))
        case 2:
            return try catalog.jobs(limit: 5, status: Bool.random(using: &random) ? status : nil).map(text).joined(
                separator: "; ")
        case 3: return try catalog.unfinishedJobs().map(text).joined(separator: "; ")
        case 4: return "\(try catalog.jobCounts().filter { $0.value > 0 }.sorted { $0.key.rawValue < $1.key.rawValue })"
        case 5:
            let attempt = Bool.random(using: &random) ? Int.random(in: 0...3, using: &random) : nil
            // If one says that a job is pending again, the other's is unclaimed; it is claimed again.
            // Running are only those that were started.
            let isChanged = try catalog.setStatus(
                id, to: status == .running ? .failed : status, from: statuses,
                message: Bool.random(using: &random) ? "why \(id)" : nil, attempt: attempt)
            while try claims?.claim(except: []) != nil {}
            return "\(isChanged) " + text(try catalog.job(id))
        case 6:
            let record = try catalog.reset(id, from: statuses)
            while try claims?.claim(except: []) != nil {}
            return text(record)
        case 7: return text(try catalog.setTotalBytes(id, number(&random)))
        case 8: return try catalog.start([id], tracksAttempts: true).map(text).joined()
        case 9, 10:
            let rejected = Int.random(in: 0...3, using: &random)
            var commit = JobCommit(
                segment: nil, attempt: try catalog.job(id)?.attempt, partCount: Int.random(in: 0...5, using: &random),
                counts: JobCounts(
                    processedRows: number(&random), rejectedRows: rejected, processedBytes: number(&random)),
                checkpoint: JobRecord.Checkpoint(byteCount: number(&random), lineCount: number(&random)),
                rejects: rejected == 0 ? [:] : ["odd \(rejected)": rejected], isLast: Bool.random(using: &random))
            if Bool.random(using: &random) { commit.reading = reading(&random) }
            return "\(try catalog.commit(commit, job: id)) " + text(try catalog.job(id))
        case 11: return "\(try catalog.rejectCounts(id).sorted { $0.key < $1.key })"
        case 12:
            let parts = try catalog.leftovers(endedBefore: .now + 3600, includesUnknown: Bool.random(using: &random))
            if Bool.random(using: &random) { try catalog.forget(Array(parts.prefix(2))) }
            return "\(parts)"
        case 13:
            let path = try catalog.job(id)?.ownsSource == false && Bool.random(using: &random) ? "/elsewhere/\(id)" : nil
            return text(try catalog.goOn(id, with: path, isClaimed: true))
        case 14: return try catalog.interruptedJobs().map(text).joined(separator: "; ")
        case 15:
            try catalog.requeue(id, attempt: try catalog.job(id)?.attempt ?? 0)
            // A command's job is interrupted at once if processes share the catalog, and when the store is closed if they don't.
            _ = try catalog.setStatus(id, to: .pending, from: [.interrupted], message: nil, attempt: nil)
            while try claims?.claim(except: []) != nil {}
            return text(try catalog.job(id))
        case 16: return "\(try catalog.forget(job: id)) " + text(try catalog.job(id))
        case 17:
            let attempt = (try catalog.job(id)?.attempt ?? 0) - Int.random(in: 0...1, using: &random)
            let isNoted = try catalog.noteSessions("a\(Int.random(in: 0...2, using: &random))/2", job: id, attempt: attempt)
            let parts = try catalog.leftovers(endedBefore: .now + 3600)
            let own = Visibility.Parts(job: id, attempt: attempt, firstUncommitted: 0)
            return "\(isNoted) \(try catalog.sessions(of: parts).sorted()) \(try catalog.sessions(of: [own]).sorted())"
        case 18:
            // Known ones, ones that are forgotten, and ones that come after all that are known.
            let isUnknown = Bool.random(using: &random)
            let last = try catalog.visibility().attempts
            let attempt =
                isUnknown ? last + Int.random(in: 1...3, using: &random) : Int.random(in: 0...max(1, last), using: &random)
            try catalog.hide([Visibility.Parts(job: id, attempt: attempt, firstUncommitted: 0)], areUnknown: isUnknown)
            return "\(try catalog.visibility())"
        case 19: return "\(try catalog.accounts())"
        case 20:
            let attempt = try catalog.job(id)?.attempt ?? 0
            try catalog.note(reading(&random), job: id, attempt: attempt - Int.random(in: 0...1, using: &random))
            return text(try catalog.job(id))
        case 21: return try profileStep(on: catalog, &random)
        default: return "\(try catalog.visibility()) \(try catalog.completedTrips())"
        }
    }

    @Test("Whatever is done, both catalogs say the same", arguments: 0..<6)
    func agrees(seed: Int) throws {
        let folder = TemporaryDirectory()
        let store = try StoreFolder(folder.path + "/store", access: .readWrite)
        defer { store.close() }
        let shared = try Self.makeCatalog("agrees\(seed)", in: folder)
        defer { shared.close() }
        for catalog in [store.catalog, shared] as [any StoreCatalog] { try catalog.setEventsEnabled(true) }
        var randoms = [SeededGenerator(seed: UInt64(seed)), SeededGenerator(seed: UInt64(seed))]
        for number in 0..<400 {
            let expected = try Self.step(on: store.catalog, claims: nil, &randoms[0])
            let found = try Self.step(on: shared, claims: shared, &randoms[1])
            try #require(found == expected, "seed \(seed), step \(number)")
        }
        let events = try [store.catalog, shared as any StoreCatalog].map { catalog in
            try catalog.events(limit: 10_000).map { "\($0.id) \($0.job) \($0.status)" }
        }
        // A claim makes a job pending again, which the other catalog does not need.
        #expect(Set(events[0].map { $0.drop { $0 != " " } }).isSubset(of: Set(events[1].map { $0.drop { $0 != " " } })))
    }

    @Test("Many processes claim each job once, and who falls silent loses them")
    func claims() throws {
        let folder = TemporaryDirectory()
        let catalogs = try (0..<4).map { _ in try Self.makeCatalog("claims", lease: 3600, in: folder) }
        let impatient = try Self.makeCatalog("claims", lease: 2, in: folder)
        defer { for catalog in catalogs + [impatient] { catalog.close() } }
        let jobs = try catalogs[0].addJobs(
            (0..<50).map { JobRequest(filename: "\($0).csv", sourcePath: "/nowhere/\($0)", ownsSource: true) })
        let ids = jobs.map(\.job.id)
        let claimed = Lock<[Int64]>([])
        DispatchQueue.concurrentPerform(iterations: 4) { index in
            while let record = try? catalogs[index].claim(except: []) { claimed.withLock { $0.append(record.job.id) } }
        }
        #expect(claimed.withLock { $0.sorted() } == ids)
        #expect(try catalogs.map { ids.count - (try $0.keepClaims(ids).count) }.reduce(0, +) == 50, "each is one process's")
        #expect(try catalogs[1].claim(except: []) == nil, "nobody has been silent for an hour")

        // Who takes two seconds of silence for death gets them all.
        let end = Date.now + 60
        var taken: Set<Int64> = []
        while taken.count < 50, Date.now < end {
            _ = try impatient.keepClaims(Array(taken))
            if let record = try impatient.claim(except: Array(taken)) { taken.insert(record.job.id) } else { usleep(100_000) }
        }
        #expect(taken == Set(ids))
        #expect(try catalogs.allSatisfy { try $0.keepClaims(ids).count == 50 }, "all others have lost theirs")
        #expect(try impatient.keepClaims(ids).isEmpty)

        // A run that lost its job changes nothing more.
        #expect(try catalogs[1].start([ids[0]], tracksAttempts: true).isEmpty)
        #expect(try impatient.start([ids[0]], tracksAttempts: true).count == 1)
        let late = JobCommit(
            attempt: 0, counts: JobCounts(processedRows: 1, processedBytes: 1), checkpoint: JobRecord.Checkpoint(),
            rejects: [:],
            isLast: true)
        #expect(try catalogs[1].commit(late, job: ids[0]) == false)
        #expect(try catalogs[1].setStatus(ids[0], to: .failed, from: [.running], message: nil, attempt: 0) == false)
        try impatient.releaseClaims()
        #expect(try catalogs[2].claim(except: []) != nil, "what was given back is there at once")
    }

    @Test(
        "A command's jobs are interrupted when it leaves, dies or is silent; of many that try, one resumes them",
        arguments: 0..<3)
    func commands(end: Int) throws {
        let folder = TemporaryDirectory()
        let makeCatalog = { try Self.makeCatalog("commands\(end)", lease: 2, in: folder) }
        let (server, command, others) = (try makeCatalog(), try makeCatalog(), try (0..<4).map { _ in try makeCatalog() })
        defer { for catalog in [server, command] + others { catalog.close() } }
        var requests = [
            JobRequest(filename: "a.csv", sourcePath: "/a.csv", ownsSource: false),
            JobRequest(filename: "b.csv", sourcePath: "/b.csv", ownsSource: false),
            JobRequest(filename: "c.csv", sourcePath: folder.path + "/c", ownsSource: true, sourceURL: "http://h/c.csv"),
            JobRequest(filename: "-", sourcePath: "-", ownsSource: false),
        ]
        for index in requests.indices { requests[index].isClaimed = true }
        let ids = try command.addJobs(requests).map(\.job.id)
        let attempt = try command.start([ids[0], ids[3]], tracksAttempts: true)[0].attempt
        switch end {
        case 0:
            try command.requeue(ids[0], attempt: attempt)
            try command.releaseClaims()
        case 1: command.close()
        default: break
        }
        let end = Date.now + 60
        while Date.now < end {
            let counts = try server.jobCounts()
            if counts[.interrupted] == 3, counts[.failed] == 1 { break }
            try #require(try server.claim(except: []) == nil, "a server has no such file")
            try server.runMaintenance()
            usleep(50_000)
        }
        #expect(try server.job(ids[3])?.job.status == .failed)
        #expect(try others[0].interruptedJobs().map(\.job.id) == ids[..<3].reversed())
        for id in ids[..<3] {
            let winners = Lock<[Int]>([])
            DispatchQueue.concurrentPerform(iterations: 4) { index in
                if (try? others[index].goOn(id, with: nil, isClaimed: true)) != nil { winners.withLock { $0.append(index) } }
            }
            #expect(winners.withLock { $0.count } == 1)
            #expect(try others[winners.withLock { $0[0] }].keepClaims([id]).isEmpty)
        }
        #expect(try server.claim(except: []) == nil && others[0].interruptedJobs().isEmpty)
        // Asked for over HTTP, whoever can reach it takes it.
        #expect(try server.setStatus(ids[0], to: .interrupted, from: [.pending], message: nil, attempt: nil))
        #expect(try server.goOn(ids[0], with: nil, isClaimed: false) != nil)
        #expect(try server.claim(except: [])?.job.id == ids[0])
    }

    @Test("Rejected rows come back as they were, whatever is in them")
    func rejects() throws {
        let folder = TemporaryDirectory()
        let catalog = try Self.makeCatalog("rejects", in: folder)
        defer { catalog.close() }
        let request = {
            var request = JobRequest(filename: "a.csv", sourcePath: "/a", ownsSource: false); request.isClaimed = true;
            return request
        }()
        let id = try catalog.addJobs([request])[0].job.id
        let attempt = try catalog.start([id], tracksAttempts: true)[0].attempt
        let rows = [
            "", "a,b", "nul \0 inside", "quote \" slash \\ é \u{2028} \u{1F6B2}", String(repeating: "x", count: 70_000),
        ]
        .enumerated().map { RejectedRow(line: $0 + 2, reason: "odd", text: $1) }
        for part in [rows[..<2], rows[2...]] {
            let commit = JobCommit(
                attempt: attempt,
                counts: JobCounts(processedRows: part.count, rejectedRows: part.count, processedBytes: 1),
                checkpoint: JobRecord.Checkpoint(), rejects: ["odd": part.count], rejectedLines: Array(part), isLast: false)
            #expect(try catalog.commit(commit, job: id))
        }
        func page(after line: Int = 0, limit: Int = 10, bytes: Int = 1 << 20) throws -> RejectsPage {
            try catalog.rejects(id, after: line, limit: limit, byteCountMax: bytes)
        }
        #expect(try page() == RejectsPage(rows: rows, keptRowCount: 5))
        #expect(try page(limit: 3) == RejectsPage(rows: Array(rows[..<3]), keptRowCount: 5, hasMore: true))
        #expect(try page(after: 4, limit: 2) == RejectsPage(rows: Array(rows[3...]), keptRowCount: 5))
        #expect(try page(bytes: 1) == RejectsPage(rows: [rows[0]], keptRowCount: 5, hasMore: true))
        #expect(try page(after: 6) == RejectsPage(keptRowCount: 5))
        #expect(try catalog.rejectCounts(id) == ["odd": rows.count])
        // Loaded from the start again, it has none.
        #expect(try catalog.reset(id, from: [.running]) != nil)
        #expect(try page() == RejectsPage())
        #expect(try catalog.pendingJobs(upTo: 10) == 1 && catalog.pendingJobs(upTo: 0) == 0)
    }

    @Test("Each event has what the API shows of the job at that moment, except for the worker")
    func eventBodies() throws {
        let folder = TemporaryDirectory()
        let catalog = try Self.makeCatalog("bodies", in: folder)
        defer { catalog.close() }
        try catalog.setEventsEnabled(true)
        let names = ["a.csv", "Žluťoučký kůň.csv.gz", "it's \"odd\" \\ / \u{1} \u{7f} \u{2028} \u{1F6B2}.csv"]
        var shown: [Job] = []
        for name in names {
            var request = JobRequest(filename: name, sourcePath: "/a.csv", ownsSource: false, totalBytes: 99)
            request.isClaimed = true
            let id = try catalog.addJobs([request])[0].job.id
            shown.append(try #require(try catalog.job(id)).job)
            let started = try #require(try catalog.start([id], tracksAttempts: true).first)
            shown.append(started.job)
            let commit = JobCommit(
                attempt: started.attempt, counts: JobCounts(processedRows: 7, rejectedRows: 2, processedBytes: 99),
                checkpoint: JobRecord.Checkpoint(), rejects: [:], isLast: true)
            #expect(try catalog.commit(commit, job: id))
            shown.append(try #require(try catalog.job(id)).job)
            #expect(try catalog.setStatus(id, to: .deleted, from: [.completed], message: "as \(name) is old", attempt: nil))
            shown.append(try #require(try catalog.job(id)).job)
        }
        let events = try catalog.events(limit: 100)
        #expect(events.count == shown.count)
        for (event, job) in zip(events, shown) {
            var job = job
            job.worker = nil
            let (body, json) = try (Self.object(event.body), Self.object(job.json))
            #expect(body == json)
            // Of plain text also the order; PostgreSQL puts blanks around colons and after commas.
            guard job.filename == names[0] else { continue }
            #expect(event.body.replacing(/" : |, "/) { $0.0 == ", \"" ? ",\"" : "\":" } == job.json)
        }
    }

    private static func object(_ text: String) throws -> NSDictionary {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? NSDictionary)
    }

    @Test("A job of another catalog is as it was there, except for what belongs to a catalog", arguments: [false, true])
    func settles(ownsSource: Bool) throws {
        let folder = TemporaryDirectory()
        let catalog = try Self.makeCatalog("settles\(ownsSource)", in: folder)
        defer { catalog.close() }
        var record = JobRecord(
            job: Job(
                id: 41, filename: "b.csv", status: .failed, createdAt: "2026-01-02T03:04:05.678Z",
                updatedAt: "2026-01-02T03:04:06.789Z", totalRows: 11, processedRows: 12, rejectedRows: 3, totalBytes: 14,
                processedBytes: 15, message: "why"),
            sourcePath: ownsSource ? folder.path + "/uploads/b" : "/b.csv", ownsSource: ownsSource,
            sourceURL: "https://h/b.csv",
            ownsURL: true, attempt: 4, startCount: 5, sourceHash: ContentHash(String(repeating: "1f", count: 16)),
            allowsDuplicate: true,
            checkpoint: JobRecord.Checkpoint(
                byteCount: 16, lineCount: 17, rejectsByteCount: 18, contentHash: ContentHash(String(repeating: "2e", count: 16))
            ),
            sealedQuery: "sealed")
        record.options.region = "Oslo"
        record.job.reading.format = record.options
        record.job.reading.notes = [JobNote(kind: "odd", trips: 1, text: "why")]
        record.job.reading.question = JobQuestion(option: "map", column: nil, example: "x", choices: ["a"])
        try catalog.adopt(record)
        try catalog.settle(record, rejects: ["odd": 3], lines: [])
        let found = try #require(try catalog.job(record.job.id))
        for column in JobColumn.transferred { #expect(found.value(of: column) == record.value(of: column), "\(column)") }
        #expect(!found.ownsURL && found.sealedQuery == nil && found.startCount == 0 && found.job.worker == nil)
        #expect(try catalog.rejectCounts(record.job.id) == ["odd": 3])
    }

    @Test("A task is one process's, and another's once that is gone")
    func leadership() throws {
        let folder = TemporaryDirectory()
        let (first, second) = (try Self.makeCatalog("leads", in: folder), try Self.makeCatalog("leads", in: folder))
        defer { second.close() }
        #expect(try first.isLeader(for: "events"))
        #expect(try first.isLeader(for: "events"))
        #expect(try !second.isLeader(for: "events"))
        #expect(try second.isLeader(for: "purge"))
        first.close()
        let end = Date.now + 30
        while try !second.isLeader(for: "events"), Date.now < end { usleep(10_000) }
        #expect(try second.isLeader(for: "events"))
    }
}
