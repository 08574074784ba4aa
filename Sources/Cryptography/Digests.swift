import CNettle

/// SHA-256 (https://doi.org/10.6028/NIST.FIPS.180-4), by libnettle.
package enum SHA256 {
    /// Returns the 32 bytes of a hash.
    package static func hash(_ bytes: RawSpan) -> [UInt8] {
        digest(SHA256_DIGEST_SIZE) { digest in
            bytes.withUnsafeBytes { tripstore_sha256($0.count, $0.bytes, digest) }
        }
    }

    /// Returns the 32 bytes of the hash of a text's UTF-8.
    package static func hash(_ text: String) -> [UInt8] { hash(Array(text.utf8).span.bytes) }
}

/// SHA-1, for protocols that require it; it is no longer secure.
package enum SHA1 {
    /// Returns the 20 bytes of the hash of a text's UTF-8.
    package static func hash(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        return digest(SHA1_DIGEST_SIZE) { digest in
            bytes.span.bytes.withUnsafeBytes { tripstore_sha1($0.count, $0.bytes, digest) }
        }
    }
}

/// HMAC of SHA-256 (https://www.rfc-editor.org/rfc/rfc2104), by libnettle.
package enum HMACSHA256 {
    /// Returns the 32-byte code that proves that the author of a text has the key.
    package static func code(of text: String, key: [UInt8]) -> [UInt8] {
        let bytes = Array(text.utf8)
        return digest(SHA256_DIGEST_SIZE) { digest in
            key.span.bytes.withUnsafeBytes { key in
                bytes.span.bytes.withUnsafeBytes {
                    tripstore_hmac_sha256(key.count, key.bytes, $0.count, $0.bytes, digest)
                }
            }
        }
    }
}

extension Sequence<UInt8> {
    /// Two lowercase hexadecimal digits for each byte.
    package var hexadecimal: String {
        map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

/// Makes an array of the bytes that a C function writes.
func digest(_ byteCount: Int32, _ write: (UnsafeMutablePointer<UInt8>) -> Void) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: Int(byteCount)) { buffer, count in
        write(buffer.baseAddress!)
        count = Int(byteCount)
    }
}

extension UnsafeRawBufferPointer {
    /// The pointer that libnettle expects; nil if there are no bytes.
    var bytes: UnsafePointer<UInt8>? { assumingMemoryBound(to: UInt8.self).baseAddress }
}
