import Dispatch
import Foundation
import HTTPTransport
import TripModel

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// Files as objects: a small one by one request, any other in parts over several connections.
///
/// https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
extension S3Client {
    /// An object whose bytes are at S3, and which is not visible yet.
    struct Staged: Sendable {
        var object: S3Object
        var uploadID: String
        /// S3's tag of each part.
        fileprivate var tags: [String]
        var byteCount: Int
    }

    /// Puts a file; when this returns it is as durable as S3 makes it.
    func put(file path: String, to object: S3Object) throws(TripstoreError) {
        let file = try FileToSend(path)
        if file.byteCount > options.partByteCount {
            let staged = try stage(file, to: object)
            do throws(TripstoreError) {
                try complete([staged])
            } catch {
                abort(object, staged.uploadID)
                throw error
            }
            return
        }
        room.take()
        defer { room.giveBack() }
        _ = try answer(to: S3Request(.put, object, .write, body: try file.read(0..<file.byteCount)))
    }

    /// Sends a file's bytes without making them visible.
    func stage(file path: String, to object: S3Object) throws(TripstoreError) -> Staged {
        try stage(FileToSend(path), to: object)
    }

    private func stage(_ file: FileToSend, to object: S3Object) throws(TripstoreError) -> Staged {
        var request = S3Request(.post, object, .write)
        request.query = [(name: "uploads", value: "")]
        guard let id = try answer(to: request).document.value("UploadId"), !id.isEmpty else {
            throw TripstoreError(
                .io, "S3 does not say how to send the parts of \(object.url); check that AWS_ENDPOINT_URL is a server like S3.")
        }
        do throws(TripstoreError) {
            return Staged(
                object: object, uploadID: id, tags: try sendParts(of: file, to: object, id), byteCount: file.byteCount)
        } catch {
            abort(object, id)
            throw error
        }
    }

    /// Sends parts, several at a time, and returns S3's tags.
    private func sendParts(of file: FileToSend, to object: S3Object, _ id: String) throws(TripstoreError) -> [String] {
        let byteCount = max(options.partByteCount, (file.byteCount - 1) / S3Options.partNumberMax + 1)
        let starts = file.byteCount == 0 ? [0] : Array(stride(from: 0, to: file.byteCount, by: byteCount))
        var next = 0
        var sent: [Sent] = []
        var tags: [String] = []
        var failure: TripstoreError?
        repeat {
            // A caller without a part in progress waits for room; one with a part waits for that: so there is no deadlock.
            if failure == nil, next < starts.count, sent.count < options.connectionCount,
                sent.isEmpty ? room.take() : room.takeIfFree()
            {
                do throws(TripstoreError) {
                    let end = min(starts[next] + byteCount, file.byteCount)
                    var request = S3Request(.put, object, .write, body: try file.read(starts[next]..<end))
                    request.query = [(name: "partNumber", value: "\(next + 1)"), (name: "uploadId", value: id)]
                    sent.append(send(request))
                    next += 1
                } catch {
                    room.giveBack()
                    failure = error
                }
                continue
            }
            guard !sent.isEmpty else { break }
            defer { room.giveBack() }
            do throws(TripstoreError) {
                let answer = try finish(sent.removeFirst(), attemptCountMax: failure == nil ? nil : 1)
                tags.append(answer.headers.first(name: "ETag") ?? "")
            } catch {
                failure = failure ?? error
            }
        } while true
        if let failure { throw failure }
        return tags
    }

    /// Makes objects visible whose bytes are sent, one right after the other.
    func complete(_ staged: [Staged]) throws(TripstoreError) {
        let requests = staged.map { staged in
            let parts = staged.tags.enumerated().map {
                "<Part><PartNumber>\($0 + 1)</PartNumber><ETag>\($1)</ETag></Part>"
            }
            let list =
                "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\(parts.joined())</CompleteMultipartUpload>"
            var request = S3Request(.post, staged.object, .write, body: Array(list.utf8))
            request.query = [(name: "uploadId", value: staged.uploadID)]
            request.mayBeAbsent = true
            return request
        }
        for (staged, answer) in zip(staged, try answers(to: requests)) where answer.status == .notFound {
            // Done already, by an attempt whose response was lost?
            if try size(of: staged.object) == staged.byteCount { continue }
            throw TripstoreError(
                .unavailable,
                "S3 has lost the parts of \(staged.object.url), or their upload was aborted; start again.")
        }
    }

    /// Aborts the upload of an object, so that it is not billed; nothing depends on the result.
    func abort(_ object: S3Object, _ uploadID: String) {
        var request = S3Request(.delete, object, .remove)
        request.query = [(name: "uploadId", value: uploadID)]
        request.mayBeAbsent = true
        _ = try? answer(to: request, attemptCountMax: 2)
    }

    /// Aborts uploads under a prefix that were not completed; with a date, those begun before it.
    ///
    /// - Returns: count of aborted uploads.
    @discardableResult
    func abortUploads(
        under prefix: S3Prefix, begunBefore date: Date? = nil, where isOwn: (_ key: String) -> Bool
    ) -> Int {
        var found: [(object: S3Object, id: String)] = []
        try? pages(
            of: prefix, ["uploads": ""], next: ["key-marker": "NextKeyMarker", "upload-id-marker": "NextUploadIdMarker"]
        ) { page in
            for upload in page.elements("Upload") {
                guard let key = upload.value("Key"), isOwn(key), let id = upload.value("UploadId") else { continue }
                if let date, Self.date(upload.value("Initiated")).map({ $0 >= date }) ?? true { continue }
                found.append((object: S3Object(bucket: prefix.bucket, key: key), id: id))
            }
        }
        for (object, id) in found { abort(object, id) }
        return found.count
    }
}

/// Memory for a count of parts, whoever sends them.
final class PartRoom: Sendable {
    private let free: DispatchSemaphore

    init(partCount: Int) { free = DispatchSemaphore(value: partCount) }

    /// Waits until there is room for a part; always true.
    @discardableResult
    func take() -> Bool {
        free.wait()
        return true
    }

    /// Takes room for a part if there is some now.
    func takeIfFree() -> Bool { free.wait(timeout: .now()) == .success }

    func giveBack() { free.signal() }
}

/// A file of this machine that is read in parts.
private final class FileToSend: Sendable {
    let byteCount: Int
    private let path: String
    private let descriptor: Int32

    init(_ path: String) throws(TripstoreError) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileSystem.error("open", path) }
        byteCount = FileSystem.byteCount(of: path) ?? 0
    }

    deinit { close(descriptor) }

    func read(_ range: Range<Int>) throws(TripstoreError) -> [UInt8] {
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { bytes, readCount in
            while failure == 0, readCount < range.count {
                let rest = range.dropFirst(readCount)
                let count = pread(descriptor, bytes.baseAddress! + readCount, rest.count, off_t(rest.lowerBound))
                if count < 0, errno != EINTR { failure = errno }
                if count == 0 { failure = EIO }
                readCount += max(0, count)
            }
        }
        if failure != 0 { throw FileSystem.error("read", path, failure) }
        return bytes
    }
}
