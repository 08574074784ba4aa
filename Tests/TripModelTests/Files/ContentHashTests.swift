import Foundation
import TestSupport
import Testing
import TripModel

@Suite(.timeLimit(.minutes(10)))
struct ContentHashTests {
    private let folder = TemporaryDirectory()

    /// What `xxh128sum` of xxHash 0.8.1 prints.
    @Test(arguments: [
        ("", "99aa06d3014798d86001c324468d497f"), ("a", "a96faf705af16834e6c632b61e964e1f"),
        ("abc", "06b05ab6733a618578af5f94892f3950"),
    ])
    func equalsTheReferenceProgram(text: String, digits: String) throws {
        let hasher = ContentHasher()
        hasher.update(Array(text.utf8).span.bytes)
        #expect(hasher.hash.text == digits)
        #expect(ContentHash(digits)?.text == digits)
    }

    @Test("The pieces in which bytes come make no difference, nor does a look at the hash between them")
    func pieces() throws {
        var random = SeededGenerator(seed: 11)
        let bytes = (0..<3_000_000).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        let path = folder.path + "/bytes"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let hasher = ContentHasher()
        var position = 0
        while position < bytes.count {
            let end = min(bytes.count, position + Int.random(in: 0...400_000, using: &random))
            hasher.update(Array(bytes[position..<end]).span.bytes)
            _ = hasher.hash
            position = end
        }
        #expect(try ContentHash.file(path) == hasher.hash)
        #expect(try ContentHash.file(path).text.utf8.count == 32)
    }

    @Test(arguments: [
        "", "99aa06d3014798d86001c324468d497", "99aa06d3014798d86001c324468d497g", "+9aa06d3014798d86001c324468d497f",
    ])
    func otherTextIsNoHash(text: String) { #expect(ContentHash(text) == nil) }
}
