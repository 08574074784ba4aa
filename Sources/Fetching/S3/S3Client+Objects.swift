import Foundation
import HTTPTransport
import TripModel

/// Small objects, and listings of objects.
extension S3Client {
    /// An object in a listing.
    struct Listed: Hashable, Sendable {
        var key: String
        var byteCount: Int
        /// When it was put; nil if the server returns an invalid time.
        var changedAt: Date?
    }

    /// Puts an object with some bytes.
    func put(_ text: String, to object: S3Object) throws(TripstoreError) {
        _ = try answer(to: S3Request(.put, object, .write, body: Array(text.utf8)))
    }

    /// Returns the bytes of an object; nil if there is none.
    func size(of object: S3Object) throws(TripstoreError) -> Int? {
        var request = S3Request(.head, object, .read)
        request.mayBeAbsent = true
        let answer = try answer(to: request)
        return answer.status == .notFound ? nil : answer.headers.first(name: "Content-Length").flatMap { Int($0) }
    }

    /// Returns the text of a small object; nil if there is none.
    func text(of object: S3Object) throws(TripstoreError) -> String? {
        var request = S3Request(.get, object, .read)
        request.mayBeAbsent = true
        let answer = try answer(to: request)
        return answer.status == .notFound ? nil : answer.text
    }

    /// Deletes objects; absent ones are fine.
    func remove(_ objects: [S3Object]) throws(TripstoreError) {
        let requests = objects.map { object in
            var request = S3Request(.delete, object, .remove)
            request.mayBeAbsent = true
            return request
        }
        _ = try answers(to: requests)
    }

    /// Sends several requests, a few at a time, and returns the responses in order.
    ///
    /// - Throws: the first failure, once no request is in progress any more.
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

    /// Returns all objects under a prefix.
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

    /// Parses a time in a listing, with or without milliseconds.
    static func date(_ text: String?) -> Date? {
        guard let text else { return nil }
        return [true, false].lazy.compactMap {
            try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: $0))
        }.first
    }

    /// Requests pages of a listing until there are no more.
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
