import Cryptography
import Fetching
import Foundation
import NIOHTTP1
import TestSupport
import Testing
import TripModel

/// Uploads kept in a bucket that misbehaves, with times and parts that suit a test.
@Suite(.timeLimit(.minutes(10)))
struct S3UploadsTests {
    private static let file: [UInt8] = {
        var random = SeededGenerator(seed: 11)
        return (0..<10_500).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    }()

    private let folder = TemporaryDirectory()

    /// Keeps some bytes as `spool/7-trips.csv`, and returns their URL.
    private func keep(
        _ bytes: [UInt8], in environment: [String: String], partByteCount: Int = 1 << 20, url: String = "s3://lake/spool/",
        stallTimeout: Duration = .seconds(30)
    ) async throws -> String {
        let path = folder.path + "/file"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return try await onThread {
            var options = Self.options(environment, partByteCount: partByteCount)
            options.stallTimeout = stallTimeout
            // On a busy machine every attempt of some seconds may look like a stall.
            if stallTimeout < .seconds(1) { options.attemptCountMax = 100 }
            let uploads = try S3Uploads(url: url, options: options)
            defer { uploads.close() }
            return try uploads.keep(path, as: "7-trips.csv")
        }
    }

    private static func options(_ environment: [String: String], partByteCount: Int = 1 << 20) -> S3Options {
        var options = S3Options(environment: environment)
        options.firstDelay = .milliseconds(1)
        options.partByteCount = partByteCount
        return options
    }

    /// Expects that a file is not kept, and returns why.
    private func failure(
        _ bytes: [UInt8], in environment: [String: String], partByteCount: Int = 1 << 20,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async -> TripstoreError? {
        let error = await #expect(throws: TripstoreError.self, sourceLocation: sourceLocation) {
            _ = try await keep(bytes, in: environment, partByteCount: partByteCount)
        }
        #expect(error?.message.hasSuffix(".") == true, "\(error?.message ?? "")", sourceLocation: sourceLocation)
        return error
    }

    @Test("A small file is one request that is signed with its hash, and goes when it is removed", arguments: [0, 1, 10_500])
    func small(byteCount: Int) async throws {
        let bucket = try await BucketServer()
        let bytes = Array(Self.file.prefix(byteCount))
        let url = try await keep(bytes, in: bucket.environment)
        #expect(url == "s3://lake/spool/7-trips.csv")
        #expect(bucket.state.objects == ["spool/7-trips.csv": bytes])
        let request = try #require(bucket.state.requests.first)
        #expect(bucket.state.requests.count == 1 && request.head.headers.first(name: "Content-Length") == "\(byteCount)")
        let hash = SHA256.hash(bytes.span.bytes).hexadecimal
        #expect(request.head.headers.first(name: "X-Amz-Content-Sha256") == hash)
        #expect(request.head.headers.first(name: "Authorization")?.contains("SignedHeaders=host;x-amz-content-sha256;") == true)
        try await onThread {
            let uploads = try S3Uploads(url: "s3://lake/spool", options: Self.options(bucket.environment))
            defer { uploads.close() }
            try uploads.remove(url)
            try uploads.remove(url)
        }
        #expect(bucket.state.objects.isEmpty)
    }

    @Test("A large file comes in parts and is put together in their order")
    func parts() async throws {
        let bucket = try await BucketServer()
        _ = try await keep(Self.file, in: bucket.environment, partByteCount: 1000)
        #expect(bucket.state.objects == ["spool/7-trips.csv": Self.file])
        #expect(bucket.count("PUT part") == 11 && bucket.count("PUT") == 0 && bucket.state.uploads.isEmpty)
    }

    @Test(
        "What a busy server, a broken connection or silence has spoilt is sent again",
        arguments: [
            ScriptedServer.Answer(status: .serviceUnavailable, headers: [("Content-Length", "0")]),
            ScriptedServer.Answer(status: .tooManyRequests, headers: [("Content-Length", "0"), ("Retry-After", "0")]),
            BucketServer.error(.internalServerError, "InternalError"), BucketServer.error(.badRequest, "RequestTimeout"),
            ScriptedServer.Answer(headers: [("Content-Length", "100")], end: .breakOff),
            ScriptedServer.Answer(headers: [("Content-Length", "100")], end: .stall),
        ], [true, false])
    func retries(spoilt: ScriptedServer.Answer, isDoneAnyway: Bool) async throws {
        // Each request twice. Where it has happened all the same, the second attempt to put the object together finds it done, and
        // asks for its size: to that question 200 would be an answer.
        let bucket = try await BucketServer(isDoneAnyway: isDoneAnyway) {
            $0.earlierCount < 2 && $0.kind != "HEAD" ? spoilt : nil
        }
        // What is slow counts as silent too, so there may be more attempts than two that were spoilt.
        let isSilent = spoilt.end == .stall
        let timeout = Duration.milliseconds(isSilent ? 300 : 30_000)
        _ = try await keep(Self.file, in: bucket.environment, partByteCount: 3000, stallTimeout: timeout)
        #expect(bucket.state.objects == ["spool/7-trips.csv": Self.file])
        #expect(isSilent ? bucket.count("PUT part") >= 12 : bucket.count("PUT part") == 12)
        _ = try await keep(Self.file, in: bucket.environment, stallTimeout: timeout)
        #expect(isSilent ? bucket.count("PUT") >= 3 : bucket.count("PUT") == 3)
    }

    @Test("An upload that is put together says so with 200, and may fail all the same")
    func lateError() async throws {
        let bucket = try await BucketServer { request in
            request.kind == "POST complete" && request.earlierCount == 0 ? BucketServer.error(.ok, "InternalError") : nil
        }
        _ = try await keep(Self.file, in: bucket.environment, partByteCount: 3000)
        #expect(bucket.state.objects == ["spool/7-trips.csv": Self.file] && bucket.count("POST complete") == 2)
    }

    @Test("An upload that another has aborted is not taken for one that is done")
    func abortedByAnother() async throws {
        let bucket = try await BucketServer { request in
            request.kind == "POST complete" ? BucketServer.error(.notFound, "NoSuchUpload") : nil
        }
        bucket.set("spool/7-trips.csv", "something else")
        let error = await failure(Self.file, in: bucket.environment, partByteCount: 3000)
        #expect(
            error?.code == .unavailable
                && error?.message.contains("S3 has lost the parts of s3://lake/spool/7-trips.csv") == true)
    }

    @Test(
        "If a server stays broken, an upload is abandoned and its parts are removed",
        arguments: ["PUT part", "POST complete"])
    func givesUp(kind: String) async throws {
        let bucket = try await BucketServer { $0.kind == kind ? BucketServer.error(.serviceUnavailable, "SlowDown") : nil }
        let error = await failure(Self.file, in: bucket.environment, partByteCount: 3000)
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("S3 did not write s3://lake/spool/7-trips.csv in 6 attempts") == true)
        #expect(error?.message.contains("503 Service Unavailable (SlowDown)") == true)
        #expect(bucket.state.uploads.isEmpty && bucket.state.objects.isEmpty && bucket.count("DELETE upload") == 1)
    }

    @Test("Nobody there is something that may pass")
    func nobody() async throws {
        let error = await failure(
            [1], in: ["AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"])
        #expect(error?.code == .unavailable && error?.message.contains("cannot be reached") == true, "\(error?.message ?? "")")
    }

    @Test(
        "A request that a retry cannot help is made once, and a sentence says what to do",
        arguments: [
            (BucketServer.error(.forbidden, "AccessDenied"), "(AccessDenied); check that they may write there"),
            (BucketServer.error(.forbidden, "RequestTimeTooSkewed"), "clock is wrong"),
            (BucketServer.error(.badRequest, "ExpiredToken"), "renew them"),
            (BucketServer.error(.notFound, "NoSuchBucket"), "There is no bucket lake"),
            (
                BucketServer.error(.badRequest, "AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"),
                "set AWS_REGION to eu-west-1"
            ),
            (
                ScriptedServer.Answer(
                    status: .movedPermanently, headers: [("Content-Length", "0"), ("x-amz-bucket-region", "eu-central-1")]),
                "The bucket lake is in the region eu-central-1, but the request went to us-east-1; set AWS_REGION to eu-central-1."
            ),
            (
                ScriptedServer.Answer(
                    status: .temporaryRedirect, headers: [("Content-Length", "0"), ("Location", "http://127.0.0.1:1/")]),
                "for which the signature is not valid"
            ),
            (BucketServer.error(.badRequest, "EntityTooLarge"), "400 Bad Request (EntityTooLarge)"),
        ])
    func refusals(answer: ScriptedServer.Answer, words: String) async throws {
        for partByteCount in [1 << 20, 3000] {
            let bucket = try await BucketServer { $0.kind == "PUT part" || $0.kind == "PUT" ? answer : nil }
            let error = await failure(Self.file, in: bucket.environment, partByteCount: partByteCount)
            // A clock is this machine's alone: another may do it.
            let code: TripstoreError.Code = words == "clock is wrong" ? .unavailable : .io
            #expect(error?.code == code && error?.message.contains(words) == true, "\(error?.message ?? "")")
            #expect(bucket.state.requests.allSatisfy { $0.earlierCount == 0 })
            #expect(bucket.state.uploads.isEmpty && bucket.state.objects.isEmpty)
        }
    }

    @Test("Nothing is sent without credentials")
    func noCredentials() async throws {
        let bucket = try await BucketServer()
        let error = await failure([1], in: ["AWS_ENDPOINT_URL": bucket.server.url("")])
        #expect(error?.code == .io && error?.message.contains("set AWS_ACCESS_KEY_ID") == true)
        #expect(bucket.state.requests.isEmpty)
    }

    @Test(
        "A setting that is not a location in S3 is refused",
        arguments: [
            "", "s3://", "s3:///prefix", "s3://UPPER/prefix", "s3://ab", "https://lake/spool", "lake/spool", "s3://lake/\u{1}",
            "s3://lake/" + String(repeating: "a", count: 701),
        ])
    func malformed(url: String) {
        let error = #expect(throws: TripstoreError.self) { try S3Uploads(url: url, environment: [:]) }
        #expect(error?.code == .invalidArgument && error?.message.hasPrefix("UPLOADS_URL must be s3://BUCKET/PREFIX") == true)
    }

    @Test("A whole bucket is a place too, and names may have any characters", arguments: ["s3://lake", "s3://lake/"])
    func wholeBucket(url: String) async throws {
        let bucket = try await BucketServer()
        #expect(try await keep([1], in: bucket.environment, url: url) == "s3://lake/7-trips.csv")
        #expect(try await keep([2], in: bucket.environment, url: url + "/a b/ř+%&") == "s3://lake/a b/ř+%&/7-trips.csv")
        #expect(bucket.state.objects == ["7-trips.csv": [1], "a b/ř+%&/7-trips.csv": [2]])
    }

    @Test(
        "What is not under the setting's prefix is never removed",
        arguments: ["s3://lake/other/x", "s3://lake/spoolx", "s3://other/spool/x", "https://lake/spool/x"])
    func elsewhere(url: String) async throws {
        let uploads = try S3Uploads(url: "s3://lake/spool", environment: [:])
        defer { uploads.close() }
        let error = #expect(throws: TripstoreError.self) { try uploads.remove(url) }
        #expect(error?.code == .invalidArgument)
    }

    @Test("A fetcher brings back what was kept, from a private address that the operator has named, and from no other")
    func roundTrip() async throws {
        let bucket = try await BucketServer()
        let url = try await keep(Self.file, in: bucket.environment, partByteCount: 3000)
        var options = FetcherOptions()
        options.environment = bucket.environment
        let file = PartialFile(of: folder.path + "/back")
        try await HTTPFetcher(options: options).fetch(url, into: file) { _ in }
        #expect(Array(try Data(contentsOf: URL(fileURLWithPath: file.path))) == Self.file)
        await #expect(throws: TripstoreError.self) {
            try await HTTPFetcher(options: options).fetch(bucket.server.url("/lake/spool/7-trips.csv"), into: file) { _ in }
        }
    }
}

/// XML as S3 writes it.
@Suite(.timeLimit(.minutes(10)))
struct S3DocumentTests {
    @Test("Elements and their texts are found, with entities undone")
    func values() {
        let page = S3Document(
            "<?xml version=\"1.0\"?><List xmlns=\"x\"><Key>out</Key><Contents><Key>a&amp;b&#x159;&#33;&lt;&nbsp;&</Key></Contents>"
                + "<Contents><Key/></Contents></List>")
        #expect(page.elements("Contents").map { $0.value("Key") } == ["a&bř!<&nbsp;&", nil])
        #expect(page.value("Key") == "out" && page.value("Absent") == nil && page.errorCode == nil)
    }

    @Test(
        "An error has a code, or is none of S3's",
        arguments: [
            ("<Error><Code>NoSuchKey</Code></Error>", "NoSuchKey"), ("<Code>NoSuchKey</Code>", nil),
            ("<Error><Code></Code></Error>", nil), ("<Error><Code>a\"b</Code></Error>", nil), ("", nil), ("<Error>", nil),
        ] as [(String, String?)])
    func errors(text: String, code: String?) {
        #expect(S3Document(text).errorCode == code)
    }
}
