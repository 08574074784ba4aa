import Fetching
import Foundation
import NIOHTTP1
import TestSupport
import Testing
import TripModel

/// Weeks in a bucket: what readers find while they are replaced, and what remains if an export is aborted.
@Suite(.timeLimit(.minutes(10)))
struct HivePrefixTests {
    /// Files by week, and what is in them.
    private typealias Weeks = [String: [String: String]]

    private static func options(_ bucket: BucketServer) -> S3Options {
        var options = S3Options(environment: bucket.environment)
        options.firstDelay = .milliseconds(1)
        options.partByteCount = 4
        return options
    }

    /// One run as the store makes it; returns what became of the weeks, and how many were removed.
    private static func export(
        _ weeks: Weeks, to bucket: BucketServer, between: @escaping @Sendable () throws -> Void = {}
    ) async throws -> (outcomes: [String: ExportedWeek], removed: Int) {
        let options = options(bucket)
        return try await onThread {
            let prefix = try HivePrefix("s3://lake/trips", options: options)
            defer { prefix.close() }
            try prefix.begin()
            var outcomes: [String: ExportedWeek] = [:]
            for (week, files) in weeks.sorted(by: { $0.key < $1.key }) {
                for (name, text) in files.sorted(by: { $0.key < $1.key }) {
                    let path = try prefix.makeStaging(week) + "/" + name
                    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
                    try prefix.take(ExportedFile(name: name, byteCount: text.utf8.count), of: week)
                    #expect(FileSystem.byteCount(of: path) == nil, "a file that was taken is still here")
                }
                try between()
                outcomes[week] = try prefix.publish(week)
            }
            return (outcomes: outcomes, removed: try prefix.finish(weeks.keys.sorted()))
        }
    }

    /// What an export of these weeks is made of, without the sign that has the run's name.
    private static func expected(_ weeks: Weeks) -> [String: String] {
        var objects = ["trips/_SUCCESS": ""]
        for (week, files) in weeks {
            for (name, text) in files { objects["trips/week=\(week)/\(name)"] = text }
            objects["trips/_symlink_format_manifest/week=\(week)/manifest"] =
                files.keys.sorted().map { "s3://lake/trips/week=\(week)/\($0)\n" }.joined()
        }
        return objects
    }

    private static func texts(_ objects: [String: [UInt8]]) -> [String: String] {
        objects.filter { $0.key != "trips/_tripstore_export" }.mapValues { String(decoding: $0, as: UTF8.self) }
    }

    private static let first: Weeks = [
        "2018-05-28": ["part-00001-a.parquet": "one", "part-00002-b.parquet": "two of more than one part"],
        "2018-06-04": ["part-00001-c.parquet": "three"], "2018-06-11": ["part-00001-d.parquet": "four"],
    ]
    private static let second: Weeks = [
        "2018-05-28": ["part-00001-a.parquet": "one", "part-00002-e.parquet": "another two", "part-00003-f.parquet": "five"],
        "2018-06-04": ["part-00001-c.parquet": "three"], "2018-07-02": ["part-00001-g.parquet": ""],
    ]

    @Test("Weeks are written, kept, replaced and removed")
    func replacement() async throws {
        let bucket = try await BucketServer()
        bucket.set("other/object", "of somebody else")
        #expect(try await Self.export(Self.first, to: bucket).removed == 0)
        #expect(
            Self.texts(bucket.state.objects) == Self.expected(Self.first).merging(["other/object": "of somebody else"]) { $1 })
        let (outcomes, removed) = try await Self.export(Self.second, to: bucket)
        #expect(outcomes == ["2018-05-28": .written, "2018-06-04": .kept, "2018-07-02": .written] && removed == 1)
        #expect(
            Self.texts(bucket.state.objects) == Self.expected(Self.second).merging(["other/object": "of somebody else"]) { $1 })
        let sent = bucket.count("POST complete")
        #expect(try await Self.export(Self.second, to: bucket).outcomes.values.allSatisfy { $0 == .kept })
        #expect(bucket.count("POST complete") == sent && bucket.state.uploads.isEmpty)
    }

    @Test(
        "A manifest always names existing files, a listed week never lacks one, and all agree if _SUCCESS is present")
    func readers() async throws {
        let problems = Lock<[String]>([])
        let bucket = try await BucketServer(watch: { objects in
            let texts = Self.texts(objects)
            if texts["trips/_SUCCESS"] != nil, texts != Self.expected(Self.first), texts != Self.expected(Self.second) {
                problems.withLock { $0.append("whole, and neither the one nor the other: \(texts.keys.sorted())") }
            }
            for week in ["2018-05-28", "2018-06-04"] {
                guard let manifest = texts["trips/_symlink_format_manifest/week=\(week)/manifest"] else { continue }
                let named = Set(manifest.split(separator: "\n").map { String($0.dropFirst("s3://lake/".count)) })
                let listed = Set(texts.keys.filter { $0.hasPrefix("trips/week=\(week)/") })
                let sets = [Self.first, Self.second].map { weeks in
                    Set((weeks[week] ?? [:]).keys.map { "trips/week=\(week)/\($0)" })
                }
                problems.withLock { problems in
                    if !sets.contains(named) { problems.append("the manifest of \(week) names \(named)") }
                    if !named.isSubset(of: listed) { problems.append("\(named) are named, \(listed) there") }
                }
            }
        })
        for weeks in [Self.first, Self.second, Self.first] { _ = try await Self.export(weeks, to: bucket) }
        #expect(problems.withLock { $0 } == [])
    }

    @Test("Whatever request an export breaks off at, the next one makes it whole, and no parts are left")
    func breaksOff() async throws {
        var count = 0
        var isWhole = false
        while !isWhole {
            let left = Lock<Int?>(nil)
            let bucket = try await BucketServer { request in
                let isRefused = left.withLock { left in
                    guard let count = left, request.kind != "DELETE upload" else { return false }
                    left = count - 1
                    return count <= 0
                }
                return isRefused ? BucketServer.error(.forbidden, "AccessDenied") : nil
            }
            _ = try await Self.export(Self.first, to: bucket)
            left.withLock { [count] in $0 = count }
            isWhole = (try? await Self.export(Self.second, to: bucket)) != nil
            left.withLock { $0 = nil }
            let state = bucket.state
            #expect(state.uploads.isEmpty, "after \(count) requests")
            if !isWhole, state.objects["trips/_SUCCESS"] != nil {
                #expect(Self.texts(state.objects) == Self.expected(Self.first), "after \(count) requests")
            }
            _ = try await Self.export(Self.second, to: bucket)
            #expect(Self.texts(bucket.state.objects) == Self.expected(Self.second), "after \(count) requests")
            count += 1
        }
        #expect(count > 20)
    }

    @Test("Parts that a killed export has left are forgotten by the next")
    func leftovers() async throws {
        let bucket = try await BucketServer()
        _ = try await Self.export(Self.first, to: bucket)
        let options = Self.options(bucket)
        let killed = try await onThread {
            let prefix = try HivePrefix("s3://lake/trips", options: options)
            try prefix.begin()
            let path = try prefix.makeStaging("2018-05-28") + "/part-00001-x.parquet"
            try Data("half".utf8).write(to: URL(fileURLWithPath: path))
            try prefix.take(ExportedFile(name: "part-00001-x.parquet", byteCount: 4), of: "2018-05-28")
            return prefix
        }
        #expect(bucket.state.uploads.count == 1 && bucket.state.objects["trips/_SUCCESS"] == nil)
        _ = try await Self.export(Self.second, to: bucket)
        #expect(bucket.state.uploads.isEmpty && Self.texts(bucket.state.objects) == Self.expected(Self.second))
        try await onThread { killed.close() }
    }

    @Test("Of two exports at once the one that began first ends, whenever the other begins")
    func twoAtOnce() async throws {
        for moment in 0..<3 {
            let bucket = try await BucketServer()
            let options = Self.options(bucket)
            let passed = Lock(0)
            let error = await #expect(throws: TripstoreError.self) {
                _ = try await Self.export(Self.first, to: bucket) {
                    let isTime = passed.withLock { passed in
                        defer { passed += 1 }
                        return passed == moment
                    }
                    guard isTime else { return }
                    let other = try HivePrefix("s3://lake/trips", options: options)
                    defer { other.close() }
                    try other.begin()
                }
            }
            #expect(
                error?.code == .busy && error?.message.contains("Another export to s3://lake/trips has begun since") == true)
            #expect(bucket.state.objects["trips/_SUCCESS"] == nil)
            _ = try await Self.export(Self.second, to: bucket)
            #expect(Self.texts(bucket.state.objects) == Self.expected(Self.second))
        }
    }

    @Test("An export does not say that it is whole where files have gone meanwhile")
    func removedMeanwhile() async throws {
        let bucket = try await BucketServer()
        let error = await #expect(throws: TripstoreError.self) {
            _ = try await Self.export(Self.first, to: bucket) { bucket.remove("trips/week=2018-05-28/part-00001-a.parquet") }
        }
        #expect(error?.code == .conflict && bucket.state.objects["trips/_SUCCESS"] == nil)
    }

    @Test(
        "A prefix that is unsuitable for an export is refused and left alone",
        arguments: [
            (["trips/notes.txt"], "neither empty nor an export (it has notes.txt)"),
            (
                ["trips/_tripstore_export", "trips/week=2018-05-28/notes.txt"],
                "week=2018-05-28/notes.txt does not belong to an export"
            ),
            (["trips/_tripstore_export", "trips/week=2018-05-28/part-1/x.parquet"], "does not belong to an export"),
        ])
    func refusals(keys: [String], words: String) async throws {
        let bucket = try await BucketServer()
        for key in keys { bucket.set(key, "mine") }
        let before = bucket.state.objects
        let error = await #expect(throws: TripstoreError.self) { _ = try await Self.export(Self.first, to: bucket) }
        #expect(error?.code == .invalidArgument && error?.message.contains(words) == true, "\(error?.message ?? "")")
        #expect(bucket.state.objects == before)
    }

    @Test("Objects that represent folders, and neighbours of the prefix, are ignored")
    func folders() async throws {
        let bucket = try await BucketServer()
        for key in ["trips/", "trips/week=2018-05-28/", "trips2/x", "trips"] { bucket.set(key, "") }
        _ = try await Self.export(Self.first, to: bucket)
        #expect(bucket.state.objects["trips2/x"] != nil && bucket.state.objects["trips/_SUCCESS"] != nil)
    }
}
