import CNettle

/// A key that encrypts and authenticates texts: ChaCha20-Poly1305 (https://www.rfc-editor.org/rfc/rfc8439), by libnettle.
package struct SealingKey: Sendable {
    private static let nonceByteCount = Int(CHACHA_POLY1305_NONCE_SIZE)
    private static let tagByteCount = Int(CHACHA_POLY1305_DIGEST_SIZE)
    /// Bytes of a key.
    package static let byteCount = Int(CHACHA_POLY1305_KEY_SIZE)
    /// The count that OWASP recommends (https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html).
    ///
    /// It takes a tenth of a second, which is the price of each guess for an attacker with a copy of the catalog.
    private static let iterationCount: UInt32 = 600_000

    private let key: [UInt8]

    /// Derives a key from a secret that cannot be guessed, for one of several purposes.
    package init(secret: [UInt8], purpose: String) {
        key = HMACSHA256.code(of: purpose, key: secret)
    }

    /// Derives a key from a password, slowly: PBKDF2 with HMAC of SHA-256 (https://www.rfc-editor.org/rfc/rfc8018#section-5.2).
    package init(password: String, salt: String) {
        let (password, salt) = (Array(password.utf8), Array(salt.utf8))
        key = digest(CHACHA_POLY1305_KEY_SIZE) { key in
            password.span.bytes.withUnsafeBytes { password in
                salt.span.bytes.withUnsafeBytes {
                    tripstore_pbkdf2_hmac_sha256(
                        password.count, password.bytes, Self.iterationCount, $0.count, $0.bytes, Self.byteCount, key)
                }
            }
        }
    }

    /// Encrypts a text; only `open` with the same context decrypts it.
    ///
    /// - Returns: nonce, ciphertext, tag.
    package func seal(_ text: String, context: String) -> [UInt8] {
        var random = SystemRandomNumberGenerator()
        let nonce = (0..<Self.nonceByteCount).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        let context = Array(context.utf8)
        var bytes = Array(text.utf8)
        let tag = digest(CHACHA_POLY1305_DIGEST_SIZE) { tag in
            context.span.bytes.withUnsafeBytes { context in
                bytes.withUnsafeMutableBufferPointer {
                    tripstore_chacha_poly1305_encrypt(key, nonce, context.count, context.bytes, $0.count, $0.baseAddress, tag)
                }
            }
        }
        return nonce + bytes + tag
    }

    /// Decrypts the result of `seal`; nil if it was made with another key or another context, or was changed.
    package func open(_ sealed: [UInt8], context: String) -> String? {
        guard sealed.count >= Self.nonceByteCount + Self.tagByteCount else { return nil }
        let nonce = Array(sealed.prefix(Self.nonceByteCount))
        let tag = Array(sealed.suffix(Self.tagByteCount))
        var bytes = Array(sealed[Self.nonceByteCount..<(sealed.count - Self.tagByteCount)])
        let context = Array(context.utf8)
        let isOurs = context.span.bytes.withUnsafeBytes { context in
            bytes.withUnsafeMutableBufferPointer {
                tripstore_chacha_poly1305_decrypt(key, nonce, context.count, context.bytes, $0.count, $0.baseAddress, tag) != 0
            }
        }
        return isOurs ? String(decoding: bytes, as: UTF8.self) : nil
    }
}
