import Foundation
import HTTPTransport
import TripModel

/// Small objects, and what there is of them.
extension S3Client {
    /// An object of a list.
    struct Listed: Hashable, Sendable {
        var key: String
        var byteCount: Int
        /// When it was put; nil where the server says something else than a time.
        var changedAt: Date?
    }

    /// Puts an object of some bytes.
    func put(_ text: String, to object: S3Object) throws(TripstoreError) {
        _ = try answer(to: S3Request(.put, object, .write, body: Array(text.utf8)))
    }

    /// The bytes of an object; nil where there is none.
    func size(of object: S3Object) throws(TripstoreError) -> Int? {
        var request = S3Request(.head, object, .read)
        request.mayBeAbsent = true
        let answer = try answer(to: request)
        return answer.status == .notFound ? nil : answer.headers.first(name: "Content-Length").flatMap { Int($0) }
    }

    /// The text of a small object; nil where there is none.
    func text(of object: S3Object) throws(TripstoreError) -> String? {
        var request = S3Request(.get, object, .read)
        request.mayBeAbsent = true
        let answer = try answer(to: request)
        return answer.status == .notFound ? nil : answer.text
    }

    /// Removes objects; those that are absent are fine.
    func remove(_ objects: [S3Object]) throws(TripstoreError) {
        let requests = objects.map { object in
            var request = S3Request(.delete, object, .remove)
            request.mayBeAbsent = true
            return request
        }
        _ = try answers(to: requests)
    }

    /// Asks for several things at once, a few at a time, and returns the answers in order.
    ///
    /// - Throws: the first failure, once nothing is under way any more.
    func answers(to requests: [S3Request]) throws(TripstoreError) -> [Answer] {
        var answers: [Answer] = []
        var sent: [Sent] = []
        var waiting = requests[...]
        var failure: TripstoreError?
        repeat {
            while failure == nil, sent.count < S3Options.partCountMax, let request = waiting.popFirst() {
                sent.append(send(request))
            }
            guard !sent.isEmpty else { break }
            do throws(TripstoreError) {
                answers.append(try finish(sent.removeFirst(), attemptCountMax: failure == nil ? nil : 1))
            } catch {
                failure = failure ?? error
            }
        } while true
        if let failure { throw failure }
        return answers
    }

    /// All objects under a prefix.
    func list(_ prefix: S3Prefix) throws(TripstoreError) -> [Listed] {
        var objects: [Listed] = []
        try pages(of: prefix, ["list-type": "2"], next: ["continuation-token": "NextContinuationToken"]) { page in
            objects += page.elements("Contents").compactMap { entry in
                guard let key = entry.value("Key"), let size = entry.value("Size").flatMap({ Int($0) }) else { return nil }
                return Listed(key: key, byteCount: size, changedAt: Self.date(entry.value("LastModified")))
            }
        }
        return objects
    }

    /// Reads a time of a list, with or without milliseconds.
    static func date(_ text: String?) -> Date? {
        guard let text else { return nil }
        return [true, false].lazy.compactMap {
            try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: $0))
        }.first
    }

    /// Asks for lists until there are no more.
    ///
    /// - Parameter next: parameters of the next request, and the elements that have their values.
    func pages(
        of prefix: S3Prefix, _ parameters: [String: String], next: [String: String], _ take: (S3Document) -> Void
    ) throws(TripstoreError) {
        var more: [String: String] = [:]
        while true {
            var request = S3Request(.get, S3Object(bucket: prefix.bucket, key: ""), .list)
            let all = parameters.merging(more) { $1 }.merging(["prefix": prefix.keyPrefix]) { $1 }
            request.query = all.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
            let page = try answer(to: request).document
            take(page)
            let following = next.compactMapValues { page.value($0) }
            guard page.value("IsTruncated") == "true", !following.isEmpty, following != more else { return }
            more = following
        }
    }
}
