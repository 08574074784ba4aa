import Crypto
import Foundation

/// Keeps the part of a source's URL that may be a secret, such as a signature, encrypted in the catalog for as long as the file may
/// still have to be fetched.
///
/// The key is not where the catalog is read or copied: in a file of the data directory that only its owner may read and that no
/// backup has, or for a catalog of several processes in the password with which they open it. It counts only beside the rest of the
/// URL, so that nobody who can write to the catalog can have it sent to another host.
struct SourceSeal: Sendable {
    private static let purpose = Data("tripstore: query of a source's URL".utf8)

    private let key: SymmetricKey

    /// - Parameter secret: bytes that those who may open what was sealed have.
    init(secret: [UInt8]) {
        key = HKDF<SHA256>.deriveKey(inputKeyMaterial: SymmetricKey(data: secret), info: Self.purpose, outputByteCount: 32)
    }

    /// Reads the key of a file; makes one where there is none, if that is wanted.
    init?(file path: String, makingIt: Bool) throws(ColumnStoreError) {
        if FileSystem.byteCount(of: path) != nil {
            // One that cannot be read is not replaced: what it opens would be lost.
            guard let secret = try? Data(contentsOf: URL(fileURLWithPath: path)), secret.count == 32 else {
                throw ColumnStoreError(
                    .io,
                    "The key \(path) cannot be read, or has another size than 32 bytes; check its permissions, or remove it and "
                        + "submit the URLs that wait once more.")
            }
            self.init(secret: Array(secret))
            return
        }
        guard makingIt else { return nil }
        var random = SystemRandomNumberGenerator()
        let secret = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        let slash = path.lastIndex(of: "/")!
        var file = try DurableFile(directory: String(path[..<slash]), name: String(path[slash...].dropFirst()))
        try file.write(secret)
        try file.commit()
        self.init(secret: secret)
    }

    /// Encrypts the rest of a URL.
    func seal(_ rest: String, of place: String) throws(ColumnStoreError) -> String {
        do {
            let box = try ChaChaPoly.seal(Data(rest.utf8), using: key, authenticating: Data(place.utf8))
            return box.combined.base64EncodedString()
        } catch {
            throw ColumnStoreError(
                .internalFault, "The query of \(place) could not be encrypted: \(error); please report this.")
        }
    }

    /// Returns the rest of a URL; nil where it was sealed with another key, or beside another place.
    func open(_ sealed: String, of place: String) -> String? {
        guard let data = Data(base64Encoded: sealed), let box = try? ChaChaPoly.SealedBox(combined: data),
            let rest = try? ChaChaPoly.open(box, using: key, authenticating: Data(place.utf8))
        else { return nil }
        return String(decoding: rest, as: UTF8.self)
    }
}
