import Foundation
import NIOHTTP1
import TripModel

/// A bucket of S3 on loopback, as much of it as the program uses, whose answers a test may spoil.
///
/// What S3 itself makes of the requests is for the tests against moto to say; here it is about what goes wrong between.
final class BucketServer: Sendable {
    struct Request: Sendable {
        var head: HTTPRequestHead
        var body: [UInt8]
        /// `PUT part`, `POST complete`: the kind of request, without names and numbers.
        var kind: String
        /// How often the very same request was made before.
        var earlierCount: Int
    }

    struct State: Sendable {
        var objects: [String: [UInt8]] = [:]
        /// Parts by number, and the key, by the id of the upload.
        var uploads: [String: (key: String, parts: [Int: [UInt8]])] = [:]
        var requests: [Request] = []
        var asked: [String: Int] = [:]
        var uploadCount = 0
    }

    /// What is answered instead; nil: what S3 would.
    typealias Fault = @Sendable (Request) -> ScriptedServer.Answer?

    static let name = "lake"
    let server: ScriptedServer
    private let bucket: Bucket

    /// - Parameters:
    ///   - isDoneAnyway: whether what a fault answers for has happened all the same.
    ///   - watch: called with the objects after each request.
    init(
        isDoneAnyway: Bool = false, fault: @escaping Fault = { _ in nil },
        watch: @escaping @Sendable ([String: [UInt8]]) -> Void = { _ in }
    ) async throws {
        let bucket = Bucket()
        self.bucket = bucket
        server = try await ScriptedServer(withBodies: { head, body, _ in
            bucket.answer(head, body, isDoneAnyway, watch, fault)
        })
    }

    var state: State { bucket.locked.withLock { $0 } }

    /// Variables of who uses the bucket.
    var environment: [String: String] {
        ["AWS_ENDPOINT_URL": server.url(""), "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"]
    }

    func set(_ key: String, _ text: String) { bucket.locked.withLock { $0.objects[key] = Array(text.utf8) } }

    func remove(_ key: String) { bucket.locked.withLock { $0.objects[key] = nil } }

    func count(_ kind: String) -> Int { state.requests.count { $0.kind == kind } }

    static func error(_ status: HTTPResponseStatus, _ code: String, _ more: String = "") -> ScriptedServer.Answer {
        let body = Array("<?xml version=\"1.0\"?>\n<Error><Code>\(code)</Code><Message>no</Message>\(more)</Error>".utf8)
        return ScriptedServer.Answer(status: status, headers: [("Content-Length", "\(body.count)")], body: body[...])
    }
}

/// What the server's connections share.
private final class Bucket: Sendable {
    let locked = Lock(BucketServer.State())

    func answer(
        _ head: HTTPRequestHead, _ body: [UInt8], _ isDoneAnyway: Bool, _ watch: ([String: [UInt8]]) -> Void,
        _ fault: BucketServer.Fault
    ) -> ScriptedServer.Answer {
        let components = URLComponents(string: head.uri)
        var query: [String: String] = [:]
        for item in components?.queryItems ?? [] { query[item.name] = item.value ?? "" }
        let key = String((components?.path ?? "").dropFirst("/\(BucketServer.name)/".count))
        let kind = Self.kind(head.method, query, isBucket: key.isEmpty)
        let request = locked.withLock { state in
            let earlier = state.asked[head.method.rawValue + head.uri, default: 0]
            state.asked[head.method.rawValue + head.uri] = earlier + 1
            let request = BucketServer.Request(head: head, body: body, kind: kind, earlierCount: earlier)
            state.requests.append(request)
            return request
        }
        let spoilt = fault(request)
        if let spoilt, !isDoneAnyway { return spoilt }
        let answer = locked.withLock { $0.answer(kind, key, query, body) }
        watch(locked.withLock { $0.objects })
        return spoilt ?? answer
    }

    private static func kind(_ method: HTTPMethod, _ query: [String: String], isBucket: Bool) -> String {
        let suffix =
            if query["partNumber"] != nil { " part" } else if query["uploadId"] != nil {
                method == .DELETE ? " upload" : " complete"
            } else if query["uploads"] != nil { " uploads" } else { isBucket ? " list" : "" }
        return method.rawValue + suffix
    }
}

extension BucketServer.State {
    fileprivate mutating func answer(
        _ kind: String, _ key: String, _ query: [String: String], _ body: [UInt8]
    ) -> ScriptedServer.Answer {
        let id = query["uploadId"] ?? ""
        switch kind {
        case "PUT":
            objects[key] = body
            return ok()
        case "GET", "HEAD":
            guard let bytes = objects[key] else {
                return kind == "GET" ? BucketServer.error(.notFound, "NoSuchKey") : ScriptedServer.Answer(status: .notFound)
            }
            return ScriptedServer.Answer(
                headers: [("Content-Length", "\(bytes.count)")], body: kind == "GET" ? bytes[...] : [])
        case "DELETE":
            objects[key] = nil
            return ScriptedServer.Answer(status: .noContent)
        case "POST uploads":
            uploadCount += 1
            uploads["id+\(uploadCount)"] = (key: key, parts: [:])
            return document("<Result><Key>\(key)</Key><UploadId>id+\(uploadCount)</UploadId></Result>")
        case "PUT part":
            guard uploads[id] != nil, let number = query["partNumber"].flatMap({ Int($0) }) else {
                return BucketServer.error(.notFound, "NoSuchUpload")
            }
            uploads[id]?.parts[number] = body
            return ok([("ETag", "\"part-\(number)\"")])
        case "POST complete":
            let names = String(decoding: body, as: UTF8.self).matches(of: /<ETag>"part-([0-9]+)"<\/ETag>/)
            guard let upload = uploads.removeValue(forKey: id) else { return BucketServer.error(.notFound, "NoSuchUpload") }
            objects[upload.key] = names.flatMap { upload.parts[Int($0.output.1) ?? 0] ?? [] }
            return document("<Result><Key>\(upload.key)</Key></Result>")
        case "DELETE upload":
            return uploads.removeValue(forKey: id) == nil
                ? BucketServer.error(.notFound, "NoSuchUpload") : ScriptedServer.Answer(status: .noContent)
        case "GET uploads":
            let found = uploads.map { "<Upload><Key>\($0.value.key)</Key><UploadId>\($0.key)</UploadId></Upload>" }
            return document("<Result><IsTruncated>false</IsTruncated>\(found.joined())</Result>")
        case "GET list": return list(query)
        default: return BucketServer.error(.badRequest, "InvalidRequest")
        }
    }

    private func list(_ query: [String: String]) -> ScriptedServer.Answer {
        let after = query["continuation-token"] ?? ""
        let keys = objects.keys.filter { $0.hasPrefix(query["prefix"] ?? "") && $0 > after }.sorted()
        // Few, so that there are several pages.
        let page = keys.prefix(3)
        let entries = page.map {
            "<Contents><Key>\($0.replacingOccurrences(of: "&", with: "&amp;"))</Key><Size>\(objects[$0]!.count)</Size></Contents>"
        }
        let more =
            page.count < keys.count
            ? "<IsTruncated>true</IsTruncated><NextContinuationToken>\(page.last!)</NextContinuationToken>"
            : "<IsTruncated>false</IsTruncated>"
        return document("<ListBucketResult><Prefix></Prefix>\(more)\(entries.joined())</ListBucketResult>")
    }

    private func ok(_ headers: [(String, String)] = []) -> ScriptedServer.Answer {
        ScriptedServer.Answer(headers: headers + [("Content-Length", "0")])
    }

    private func document(_ text: String) -> ScriptedServer.Answer {
        let body = Array("<?xml version=\"1.0\"?>\n\(text)".utf8)
        return ScriptedServer.Answer(headers: [("Content-Length", "\(body.count)")], body: body[...])
    }
}
