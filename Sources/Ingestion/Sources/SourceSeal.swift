import Cryptography
import Foundation
package import TripModel

/// Encrypts, in the catalog, the part of a source's URL that may be secret, such as a signature, while the file may still have
/// to be fetched.
///
/// The key is not where the catalog is read or copied. It is in a file of the data directory that only its owner may read and
/// that no backup has, or, for a catalog of several processes, in the password with which they open it. The ciphertext is valid
/// only with the rest of the URL, so that nobody who can write to the catalog can have the secret sent to another host.
package struct SourceSeal: Sendable {
    private static let purpose = "tripstore: query of a source's URL"

    private let key: SealingKey

    /// Derives the key from what all processes share that may decrypt; slowly, as it may be a short password.
    package init(_ password: SealingPassword) {
        key = SealingKey(password: password.text, salt: "\(Self.purpose) in \(password.catalog)")
    }

    /// Reads the key of a file; creates one if there is none and that is requested.
    package init?(file path: String, makingIt: Bool) throws(TripstoreError) {
        if FileSystem.byteCount(of: path) != nil {
            // A key that cannot be read is not replaced: what it decrypts would be lost.
            guard let secret = try? Data(contentsOf: URL(fileURLWithPath: path)), secret.count == SealingKey.byteCount else {
                throw TripstoreError(
                    .io,
                    "The key \(path) cannot be read, or has another size than \(SealingKey.byteCount) bytes; check its permissions, or "
                        + "remove it and submit the waiting URLs again.")
            }
            key = SealingKey(secret: Array(secret), purpose: Self.purpose)
            return
        }
        guard makingIt else { return nil }
        var random = SystemRandomNumberGenerator()
        let secret = (0..<SealingKey.byteCount).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        let slash = path.lastIndex(of: "/")!
        var file = try DurableFile(directory: String(path[..<slash]), name: String(path[slash...].dropFirst()))
        try file.write(secret)
        try file.commit()
        key = SealingKey(secret: secret, purpose: Self.purpose)
    }

    /// Encrypts the rest of a URL.
    package func seal(_ rest: String, of place: String) -> String { Data(key.seal(rest, context: place)).base64EncodedString() }

    /// Decrypts the rest of a URL; nil if it was encrypted with another key, or for another location.
    package func open(_ sealed: String, of place: String) -> String? {
        Data(base64Encoded: sealed).flatMap { key.open(Array($0), context: place) }
    }
}
