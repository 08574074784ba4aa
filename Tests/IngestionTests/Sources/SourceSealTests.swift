import Foundation
import Ingestion
import TestSupport
import Testing
import TripModel

/// What is sealed is opened with the same key for the same place, and by nothing else.
@Suite(.timeLimit(.minutes(10)))
struct SourceSealTests {
    private static let secrets = ["", "signature=canary", "a=1&b=ž%20", String(repeating: "x", count: 5000)]
    private let folder = TemporaryDirectory()
    private var path: String { folder.path + "/source.key" }

    @Test("A password opens what it sealed, in the same catalog and for the same place", arguments: secrets)
    func password(secret: String) {
        let password = SealingPassword(text: "pass", catalog: "one")
        let sealed = SourceSeal(password).seal(secret, of: "https://h/a.csv")
        #expect(SourceSeal(password).open(sealed, of: "https://h/a.csv") == secret)
        #expect(SourceSeal(password).open(sealed, of: "https://h/b.csv") == nil)
        #expect(SourceSeal(SealingPassword(text: "past", catalog: "one")).open(sealed, of: "https://h/a.csv") == nil)
        #expect(SourceSeal(SealingPassword(text: "pass", catalog: "two")).open(sealed, of: "https://h/a.csv") == nil)
        #expect(secret.isEmpty || !sealed.contains(secret))
    }

    @Test("A key's file is made once, readable by its owner alone, and opens what was sealed before")
    func file() throws {
        #expect(try SourceSeal(file: path, makingIt: false) == nil)
        let sealed = try #require(try SourceSeal(file: path, makingIt: true)).seal("secret", of: "place")
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
        #expect(mode as? Int == 0o600)
        for makesIt in [true, false] {
            #expect(try SourceSeal(file: path, makingIt: makesIt)?.open(sealed, of: "place") == "secret")
        }
        try FileManager.default.removeItem(atPath: path)
        #expect(try SourceSeal(file: path, makingIt: true)?.open(sealed, of: "place") == nil)
    }

    @Test("A key of another size is an error and stays as it is", arguments: [0, 1, 31, 33])
    func damagedFile(byteCount: Int) throws {
        let bytes = Data(repeating: 7, count: byteCount)
        try bytes.write(to: URL(fileURLWithPath: path))
        let error = #expect(throws: TripstoreError.self) { try SourceSeal(file: path, makingIt: true) }
        #expect(error?.code == .io && error?.message.contains(path) == true)
        #expect(FileManager.default.contents(atPath: path) == bytes)
    }

    @Test("What is no sealed text, or has a changed character, is not opened")
    func garbage() {
        let seal = SourceSeal(SealingPassword(text: "pass", catalog: "one"))
        let sealed = seal.seal("signature=canary", of: "place")
        for text in ["", "x", "!!!", "AAAA", String(sealed.dropLast(4)), sealed + "AAAA"] {
            #expect(seal.open(text, of: "place") == nil, "\(text)")
        }
        for index in sealed.indices where sealed[index] != "=" {
            var changed = sealed
            changed.replaceSubrange(index...index, with: sealed[index] == "A" ? "B" : "A")
            // The last character before the padding has bits that say nothing.
            if Data(base64Encoded: changed) == Data(base64Encoded: sealed) { continue }
            #expect(seal.open(changed, of: "place") == nil, "\(changed)")
        }
    }
}
