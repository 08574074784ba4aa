import Fetching
import Foundation
import NIOHTTP1
import TestSupport
import Testing
import TripModel

/// Fetches from servers that misbehave, with times and pieces that suit a test.
@Suite(.timeLimit(.minutes(10)))
struct HTTPFetcherTests {
    /// Of no regularity that a lost, doubled or exchanged piece could hide in.
    private static let file: [UInt8] = {
        var random = SeededGenerator(seed: 5)
        return (0..<10_000).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    }()

    private static var options: FetcherOptions {
        var options = FetcherOptions()
        options.allowsPrivateAddresses = true
        options.environment = [:]
        options.pieceByteCount = 1000
        // A request that a busy machine delays is retried; tests that count requests wait longer than that.
        options.stallTimeout = .seconds(50)
        options.firstDelay = .milliseconds(1)
        return options
    }

    /// Fetches, and returns the resulting bytes and the reported progress.
    private static func fetch(
        _ url: String, _ options: FetcherOptions = options, into directory: TemporaryDirectory = TemporaryDirectory()
    ) async throws -> (bytes: [UInt8], progress: [FetchProgress]) {
        let progress = Progress()
        let file = PartialFile(of: directory.path + "/file")
        try await HTTPFetcher(options: options).fetch(url, into: file) { progress.take($0) }
        return (Array(try Data(contentsOf: URL(fileURLWithPath: file.path))), progress.all)
    }

    private final class Progress: Sendable {
        private let taken = Lock<[FetchProgress]>([])
        func take(_ progress: FetchProgress) { taken.withLock { $0.append(progress) } }
        var all: [FetchProgress] { taken.withLock { $0 } }
    }

    /// Expects that a fetch fails with a sentence.
    private static func expectFailure(
        _ url: String, _ words: String, _ options: FetcherOptions = options, sourceLocation: SourceLocation = #_sourceLocation
    ) async {
        let error = await #expect(throws: TripstoreError.self, sourceLocation: sourceLocation) {
            _ = try await fetch(url, options)
        }
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "none")", sourceLocation: sourceLocation)
        #expect(error?.message.hasSuffix(".") == true, sourceLocation: sourceLocation)
    }

    @Test("A file is fetched in pieces, each requested once, on condition that the file is unchanged")
    func pieces() async throws {
        let server = try await ScriptedServer { request, _ in ScriptedServer.part(of: Self.file, request) }
        let (bytes, progress) = try await Self.fetch(server.url())
        #expect(bytes == Self.file)
        let ranges = server.requests.compactMap { $0.headers.first(name: "Range") }
        #expect(Set(ranges).count == 10 && ranges.count == 10)
        #expect(server.requests.dropFirst().allSatisfy { $0.headers.first(name: "If-Range") == "\"v1\"" })
        #expect(progress.last == FetchProgress(fetchedBytes: 10_000, totalBytes: 10_000))
        #expect(zip(progress, progress.dropFirst()).allSatisfy { $0.fetchedBytes <= $1.fetchedBytes })
    }

    @Test("A server without ranges sends the whole; so does one that proves nothing", arguments: [false, true])
    func stream(hasRanges: Bool) async throws {
        let server = try await ScriptedServer { request, _ in
            if hasRanges, request.headers.contains(name: "Range") {
                return ScriptedServer.part(of: Self.file, request, tag: "W/\"weak\"")
            }
            return ScriptedServer.Answer(headers: [("Transfer-Encoding", "chunked")], body: Self.file[...])
        }
        #expect(try await Self.fetch(server.url()).bytes == Self.file)
    }

    @Test("A file without bytes is fetched too", arguments: [true, false])
    func empty(hasRanges: Bool) async throws {
        let server = try await ScriptedServer { request, _ in
            hasRanges ? ScriptedServer.part(of: [], request) : ScriptedServer.Answer(headers: [("Content-Length", "0")])
        }
        #expect(try await Self.fetch(server.url()).bytes.isEmpty)
    }

    @Test(
        "Connections that break off or stall are resumed",
        arguments: [ScriptedServer.End.breakOff, .stall])
    func resumes(end: ScriptedServer.End) async throws {
        let server = try await ScriptedServer { request, number in
            var answer = ScriptedServer.part(of: Self.file, request)
            if number % 3 == 1 {
                answer.body = answer.body.prefix(answer.body.count / 2)
                answer.end = end
            }
            return answer
        }
        var options = Self.options
        if end == .stall {
            options.stallTimeout = .milliseconds(300)
            // On a busy machine every attempt of some seconds may look like a stall.
            options.fruitlessAttemptCountMax = 100
        }
        #expect(try await Self.fetch(server.url(), options).bytes == Self.file)
        #expect(
            server.requests.contains {
                $0.headers.first(name: "Range")?.contains("500-") == true
            })
    }

    @Test("A stream that breaks off starts again")
    func streamBreaks() async throws {
        let server = try await ScriptedServer { _, number in
            ScriptedServer.Answer(
                headers: [("Content-Length", "10000")], body: number < 2 ? Self.file.prefix(4000 * number) : Self.file[...],
                end: number < 2 ? .breakOff : .finish)
        }
        #expect(try await Self.fetch(server.url()).bytes == Self.file)
    }

    @Test("A request to a busy server is retried", arguments: [429, 500, 503])
    func retries(status: Int) async throws {
        let asked = Asked()
        let server = try await ScriptedServer { request, _ in
            // Each piece is refused twice.
            asked.times(request.headers.first(name: "Range") ?? "") > 2
                ? ScriptedServer.part(of: Self.file, request)
                : ScriptedServer.Answer(
                    status: HTTPResponseStatus(statusCode: status), headers: [("Content-Length", "0"), ("Retry-After", "0")])
        }
        #expect(try await Self.fetch(server.url()).bytes == Self.file)
        #expect(server.requests.count == 30)
    }

    private final class Asked: Sendable {
        private let counts = Lock<[String: Int]>([:])

        /// How often something was requested, this time included.
        func times(_ what: String) -> Int {
            counts.withLock { counts in
                counts[what, default: 0] += 1
                return counts[what, default: 0]
            }
        }
    }

    @Test("A server that stays silent or broken is abandoned", arguments: [ScriptedServer.End.breakOff, .stall, .finish])
    func givesUp(end: ScriptedServer.End) async throws {
        let server = try await ScriptedServer { _, _ in
            end == .finish
                ? ScriptedServer.Answer(status: .serviceUnavailable, headers: [("Content-Length", "0")])
                : ScriptedServer.Answer(headers: [("Content-Length", "10000")], body: Self.file.prefix(10), end: end)
        }
        var options = Self.options
        if end == .stall { options.stallTimeout = .milliseconds(100) }
        await Self.expectFailure(server.url(), "could not be fetched in 6 attempts", options)
        // On a busy machine, an attempt may end before it is connected.
        #expect(end == .stall ? server.requests.count <= 6 : server.requests.count == 6)
    }

    @Test(
        "What will not be better the next time is refused at once",
        arguments: [
            (404, "There is no file"), (403, "refuses"), (401, "refuses"), (410, "There is no file"), (451, "answers 451"),
        ])
    func refuses(status: Int, words: String) async throws {
        let server = try await ScriptedServer { _, _ in
            ScriptedServer.Answer(status: HTTPResponseStatus(statusCode: status), headers: [("Content-Length", "0")])
        }
        await Self.expectFailure(server.url("/trips.csv?key=secret"), words)
        #expect(server.requests.count == 1)
    }

    @Test("A file that changes meanwhile is fetched again, and has no byte of the old one")
    func changes() async throws {
        let newer = Array(Self.file.reversed())
        let server = try await ScriptedServer { request, number in
            number < 4
                ? ScriptedServer.part(of: Self.file, request) : ScriptedServer.part(of: newer, request, tag: "\"v2\"")
        }
        #expect(try await Self.fetch(server.url()).bytes == newer)
    }

    @Test("A file that shrinks or grows meanwhile is fetched again", arguments: [500, 20_000])
    func changesSize(count: Int) async throws {
        let newer = Array((Self.file + Self.file).prefix(count))
        let server = try await ScriptedServer { request, number in
            number < 4 ? ScriptedServer.part(of: Self.file, request) : ScriptedServer.part(of: newer, request, tag: "\"v2\"")
        }
        #expect(try await Self.fetch(server.url()).bytes == newer)
    }

    @Test("A file that never stays the same is refused")
    func alwaysChanges() async throws {
        let server = try await ScriptedServer { request, number in
            ScriptedServer.part(of: Self.file, request, tag: "\"v\(number)\"")
        }
        await Self.expectFailure(server.url(), "keeps changing while it is fetched")
    }

    @Test(
        "A server that lies is not believed",
        arguments: [
            ("more than it announces", "sends more bytes"), ("another number", "a different number of bytes"),
            ("another range", "other bytes than"), ("no range", "other bytes than"), ("less for ever", "in 6 attempts"),
        ])
    func lies(lie: String, words: String) async throws {
        let server = try await ScriptedServer { request, number in
            var answer = ScriptedServer.part(of: Self.file, request)
            if number == 0 { return answer }
            switch lie {
            case "more than it announces":
                answer.headers[2] = ("Transfer-Encoding", "chunked")
                answer.body = Self.file.prefix(2000)
            case "another number":
                answer.headers[2] = ("Content-Length", "1001")
                answer.body = Self.file.prefix(1001)
            case "another range": answer.headers[0] = ("Content-Range", "bytes 0-999/10000")
            case "no range": answer.headers[0] = ("X", "Y")
            default:
                answer.body = []
                answer.end = .breakOff
            }
            return answer
        }
        await Self.expectFailure(server.url(), words)
    }

    @Test("A total that is too long ends in a sentence; one that is too short is found where another answer tells more")
    func liesAboutTotal() async throws {
        let long = try await ScriptedServer { request, _ in ScriptedServer.part(of: Self.file, request, total: 12_000) }
        await Self.expectFailure(long.url(), "keeps changing while it is fetched")
        // By what is requested and not by when: a slow request is retried.
        let short = try await ScriptedServer { request, _ in
            let isLate = request.headers.first(name: "Range")?.hasPrefix("bytes=3000-") == true
            return ScriptedServer.part(of: Self.file, request, total: isLate ? 10_000 : 5000)
        }
        await Self.expectFailure(short.url(), "keeps changing while it is fetched")
    }

    // MARK: Sources that drip

    private static var impatientOptions: FetcherOptions {
        var options = options
        options.minBytesPerSecond = 1000
        options.rateWindow = .milliseconds(600)
        return options
    }

    @Test(
        "A source that sends some bytes now and then is abandoned", arguments: ["stream", "piece", "connections", "redirects"])
    func drips(what: String) async throws {
        let server = try await ScriptedServer { request, number in
            switch what {
            case "stream": return ScriptedServer.Answer(headers: [("Transfer-Encoding", "chunked")], end: .drip)
            case "piece":
                var answer = ScriptedServer.part(of: Self.file, request)
                answer.body = answer.body.prefix(1)
                answer.end = .drip
                return answer
            // A byte for each connection is progress, however often they break.
            case "connections":
                var answer = ScriptedServer.part(of: Self.file, request)
                answer.body = answer.body.prefix(1)
                answer.end = .breakOff
                return answer
            default:
                return ScriptedServer.Answer(
                    status: .found, headers: [("Location", "/\(number % 5)"), ("Content-Length", "0")])
            }
        }
        var options = Self.impatientOptions
        options.firstDelay = .milliseconds(30)
        options.fruitlessAttemptCountMax = 1000
        // These end by their number, however long a busy machine takes for them.
        if what == "redirects" { options.rateWindow = .seconds(60) }
        let words = what == "redirects" ? "redirects more than" : "less than 1,000 a second (FETCH_MIN_RATE)"
        await Self.expectFailure(server.url(), words, options)
    }

    @Test("A fetch ends at its time, whatever it waits for", arguments: ["bytes", "head", "name", "pauses"])
    func deadline(what: String) async throws {
        let server = try await ScriptedServer { request, _ in
            switch what {
            case "bytes": return ScriptedServer.Answer(headers: [("Transfer-Encoding", "chunked")], end: .drip)
            case "head": return ScriptedServer.Answer(status: .continue, end: .stall)
            default:
                return ScriptedServer.Answer(
                    status: .serviceUnavailable, headers: [("Content-Length", "0"), ("Retry-After", "1000000000")])
            }
        }
        var options = Self.options
        options.minBytesPerSecond = 0
        options.timeout = .milliseconds(400)
        options.rateWindow = .milliseconds(1200)
        if what == "name" {
            options.resolve = { _ in
                try await Task.sleep(for: .seconds(600))
                return []
            }
        }
        await Self.expectFailure(server.url(host: what == "name" ? "trips.example" : "127.0.0.1"), "(FETCH_TIMEOUT)", options)
    }

    @Test("A source that is slow but moves is waited for, also beyond a window")
    func moves() async throws {
        let server = try await ScriptedServer { request, _ in
            Thread.sleep(forTimeInterval: 0.3)
            return ScriptedServer.part(of: Self.file, request)
        }
        var options = Self.impatientOptions
        // Ten pieces of 1000 bytes take three seconds, and on a busy machine longer.
        options.rateWindow = .milliseconds(1500)
        options.minBytesPerSecond = 200
        options.connectionCount = 1
        #expect(try await Self.fetch(server.url(), options).bytes == Self.file)
    }

    // MARK: Redirects and addresses

    @Test("Redirects are followed, five and no more", arguments: [1, 5, 6])
    func redirects(count: Int) async throws {
        let server = try await ScriptedServer { request, _ in
            let step = Int(request.uri.split(separator: "/").last ?? "") ?? 0
            return step == 0
                ? ScriptedServer.part(of: Self.file, request)
                : ScriptedServer.Answer(status: .found, headers: [("Location", "/\(step - 1)"), ("Content-Length", "0")])
        }
        if count <= 5 {
            #expect(try await Self.fetch(server.url("/\(count)")).bytes == Self.file)
            // The other pieces are requested from their target.
            #expect(server.requests.count { $0.uri != "/0" } == count)
        } else {
            await Self.expectFailure(server.url("/\(count)"), "redirects more than 5 times")
        }
    }

    /// Options for which the one loopback address is as good as a public one, and no other.
    private static var oneAddressOptions: FetcherOptions {
        var options = options
        options.allowsPrivateAddresses = false
        options.refusal = { $0.description == "127.0.0.1" ? nil : AddressPolicy.refusal(of: $0) }
        return options
    }

    @Test(
        "A redirect to a private address is refused as the address itself is",
        arguments: [
            "http://127.0.0.2:PORT/x", "http://[::1]:PORT/x", "http://10.0.0.1/x", "http://[::ffff:127.0.0.1]:PORT/x",
            "http://169.254.169.254/x", "http://0x7f000002:PORT/x", "http://127.2:PORT/x",
        ])
    func privateRedirects(location: String) async throws {
        let server = try await ScriptedServer { request, number in
            let port = request.headers.first(name: "Host")?.split(separator: ":").last ?? ""
            return ScriptedServer.Answer(
                status: .found,
                headers: [("Location", location.replacingOccurrences(of: "PORT", with: port)), ("Content-Length", "0")])
        }
        await Self.expectFailure(server.url(), "does not fetch from", Self.oneAddressOptions)
        #expect(server.requests.count == 1)
    }

    @Test("A name with a private address is refused before any request")
    func privateNames() async throws {
        let server = try await ScriptedServer { request, _ in ScriptedServer.part(of: Self.file, request) }
        var options = Self.options
        options.allowsPrivateAddresses = false
        options.resolve = { _ in ["127.0.0.1", "10.0.0.1"].compactMap(IPAddress.init) }
        await Self.expectFailure(server.url(host: "trips.example"), "--allow-private-addresses", options)
        #expect(server.requests.isEmpty)
    }

    @Test("A connection goes to the address that was checked, whatever the name leads to a moment later")
    func rebinding() async throws {
        let server = try await ScriptedServer { request, _ in ScriptedServer.part(of: Self.file, request) }
        var options = Self.oneAddressOptions
        let answers = Lock([["127.0.0.1", "127.0.0.2"], ["127.0.0.2"], ["127.0.0.2"]])
        options.resolve = { name in
            #expect(name == "trips.example")
            return answers.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }.map { IPAddress($0)! }
        }
        // No resolver knows the name: what arrives was sent to the address.
        #expect(try await Self.fetch(server.url(host: "trips.example"), options).bytes == Self.file)
        #expect(server.requests.allSatisfy { $0.headers.first(name: "Host") == "trips.example:\(server.port)" })
    }

    // MARK: Going on

    @Test("A cancelled fetch resumes from the bytes that it has")
    func goesOn() async throws {
        let directory = TemporaryDirectory()
        let server = try await ScriptedServer { request, number in
            var answer = ScriptedServer.part(of: Self.file, request)
            if number >= 6 && number < 10 {
                answer.body = []
                answer.end = .stall
            }
            return answer
        }
        let task = Task { try await Self.fetch(server.url(), into: directory) }
        while server.requests.count < 10 { try await Task.sleep(for: .milliseconds(5)) }
        task.cancel()
        let error = await #expect(throws: TripstoreError.self) { _ = try await task.value }
        #expect(error?.code == .cancelled)
        let before = server.requests.count
        #expect(try await Self.fetch(server.url(), into: directory).bytes == Self.file)
        let after = server.requests.dropFirst(before)
        #expect(after.count == 4)
        #expect(after.allSatisfy { $0.headers.first(name: "If-Range") == "\"v1\"" })
    }

    @Test(
        "The remains of an earlier fetch of another file are not used",
        arguments: ["other tag", "notes are damaged", "bytes are gone"])
    func beginsAnew(what: String) async throws {
        let directory = TemporaryDirectory()
        let isBroken = Lock(true)
        let server = try await ScriptedServer { request, number in
            var answer = ScriptedServer.part(
                of: Self.file, request, tag: isBroken.withLock { $0 } || what != "other tag" ? "\"v1\"" : "\"v2\"")
            if isBroken.withLock({ $0 }), number >= 5 {
                answer = ScriptedServer.Answer(status: .notFound, headers: [("Content-Length", "0")])
            }
            return answer
        }
        _ = await #expect(throws: TripstoreError.self) { _ = try await Self.fetch(server.url(), into: directory) }
        isBroken.withLock { $0 = false }
        let file = PartialFile(of: directory.path + "/file")
        #expect(FileManager.default.fileExists(atPath: file.notesPath))
        if what == "notes are damaged" { try Data("{".utf8).write(to: URL(fileURLWithPath: file.notesPath)) }
        if what == "bytes are gone" { try FileManager.default.removeItem(atPath: file.path) }
        #expect(try await Self.fetch(server.url(), into: directory).bytes == Self.file)
    }
}
