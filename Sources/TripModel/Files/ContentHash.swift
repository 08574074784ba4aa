#if canImport(Glibc)
import Glibc
#else
import Musl
#endif
import CXXHash

/// 128 bits that identify files: XXH3 of their bytes (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md).
///
/// It detects accidental changes, not an attacker who makes two files with one hash: such files would be refused as duplicates,
/// and nothing more.
public struct ContentHash: Hashable, Sendable {
    private let high: UInt64
    private let low: UInt64

    fileprivate init(_ hash: XXH128_hash_t) {
        high = hash.high64
        low = hash.low64
    }

    /// Parses the 32 hexadecimal digits of `text`; nil for anything else.
    package init?(_ text: String) {
        guard text.utf8.count == 32, text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") }),
            let high = UInt64(text.prefix(16), radix: 16), let low = UInt64(text.suffix(16), radix: 16)
        else { return nil }
        self.high = high
        self.low = low
    }

    /// 32 hexadecimal digits, as `xxh128sum` prints them.
    package var text: String { Self.digits(high) + Self.digits(low) }

    private static func digits(_ word: UInt64) -> String {
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Hashes a whole file; throws `.io` or `.notFound` if it can't be read.
    package static func file(_ path: String) throws(TripstoreError) -> ContentHash {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileSystem.error("open", path) }
        defer { close(descriptor) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { buffer.deallocate() }
        let hasher = ContentHasher()
        while true {
            let count = try FileSystem.read(descriptor, into: buffer, path: path)
            hasher.update(RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: buffer[..<count])))
            if count < buffer.count { return hasher.hash }
        }
    }
}

extension ContentHash: Codable {
    /// Reads its digits.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let hash = ContentHash(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "It is not a hash of 32 digits.")
        }
        self = hash
    }

    /// Writes its digits.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

/// Hashes bytes as they are passed in; used by one thread at a time.
package final class ContentHasher: @unchecked Sendable {
    private let state: OpaquePointer

    package init() {
        state = XXH3_createState()
        XXH3_128bits_reset(state)
    }

    deinit { XXH3_freeState(state) }

    /// Adds bytes.
    package func update(_ bytes: RawSpan) {
        bytes.withUnsafeBytes { _ = tripstore_xxh3_update(state, $0.baseAddress, $0.count) }
    }

    /// Adds the UTF-8 of a text.
    package func update(_ text: String) { update(Array(text.utf8).span.bytes) }

    /// The hash of all bytes so far; more may follow.
    package var hash: ContentHash { ContentHash(XXH3_128bits_digest(state)) }
}
