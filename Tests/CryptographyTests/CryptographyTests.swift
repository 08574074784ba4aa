import Cryptography
import Testing

/// Published vectors, and what another implementation has sealed.
@Suite(.timeLimit(.minutes(10)))
struct CryptographyTests {
    @Test(
        "SHA-256 and SHA-1 of FIPS 180-4's examples",
        arguments: [
            (
                "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "da39a3ee5e6b4b0d3255bfef95601890afd80709"
            ),
            (
                "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                "a9993e364706816aba3e25717850c26c9cd0d89d"
            ),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
            ),
        ])
    func digests(text: String, sha256: String, sha1: String) {
        #expect(SHA256.hash(text).hexadecimal == sha256)
        #expect(SHA256.hash(Array(text.utf8).span.bytes).hexadecimal == sha256)
        #expect(SHA1.hash(text).hexadecimal == sha1)
    }

    @Test(
        "HMAC of RFC 4231",
        arguments: [
            (
                [UInt8](repeating: 0x0b, count: 20), "Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
            ),
            (
                Array("Jefe".utf8), "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            ),
            (
                [UInt8](repeating: 0xaa, count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
            ),
        ])
    func codes(key: [UInt8], text: String, code: String) {
        #expect(HMACSHA256.code(of: text, key: key).hexadecimal == code)
    }

    private static let text = "signature=%2B&x=1"
    private static let place = "https://example.org/trips.csv"
    private static let secret = SealingKey(secret: Array(0..<32), purpose: "a purpose")

    /// Python's `cryptography` and `hashlib.pbkdf2_hmac` have made them.
    @Test("What others have sealed opens")
    func opensOthers() {
        let bySecret = bytes(
            "6465666768696a6b6c6d6e6f79a678981bf1e26acab78df7ba67f3d5541e0668b7871d1ec5c2cf84d3c19ceb95")
        #expect(Self.secret.open(bySecret, context: Self.place) == Self.text)
        let byPassword = bytes(
            "6465666768696a6b6c6d6e6f2f07ba6e43fff120616c0ff3e5b44061a4ad166d26e1a60ce68f1ebf5716acddda")
        #expect(SealingKey(password: "secret", salt: "salt in a catalog").open(byPassword, context: Self.place) == Self.text)
    }

    @Test("What is sealed opens with its key beside its context, unchanged, and not otherwise", arguments: ["", text])
    func seals(text: String) {
        let key = Self.secret
        let sealed = key.seal(text, context: Self.place)
        #expect(key.open(sealed, context: Self.place) == text)
        #expect(key.seal(text, context: Self.place) != sealed)
        #expect(key.open(sealed, context: "https://example.com/trips.csv") == nil)
        #expect(SealingKey(secret: Array(0..<32), purpose: "another").open(sealed, context: Self.place) == nil)
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 1
            #expect(key.open(changed, context: Self.place) == nil)
        }
        for count in 0..<sealed.count { #expect(key.open(Array(sealed.prefix(count)), context: Self.place) == nil) }
    }

    private func bytes(_ digits: String) -> [UInt8] {
        let digits = Array(digits)
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(String(digits[$0..<($0 + 2)]), radix: 16)! }
    }
}
