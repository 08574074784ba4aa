import Foundation
import FuzzEntries
import Testing

/// Replays the seeds of the fuzzers and all that they ever found, so that a fixed fault stays fixed.
@Suite(.timeLimit(.minutes(10)))
struct FuzzReplayTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()

    private static func files(_ folder: String, of entry: FuzzEntry) -> [URL] {
        let folder = root.appendingPathComponent("\(folder)/\(entry.rawValue)")
        let files = try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        return (files ?? []).sorted { $0.path < $1.path }
    }

    @Test("Every seed and every find holds what its entry promises", arguments: FuzzEntry.allCases)
    func replay(entry: FuzzEntry) throws {
        let seeds = Self.files("Corpus", of: entry)
        #expect(!seeds.isEmpty, "there is no seed of \(entry.rawValue)")
        for file in seeds + Self.files("FailCases", of: entry) { entry.run([UInt8](try Data(contentsOf: file))) }
    }

    @Test("Seeds with a byte changed, dropped or doubled hold it too", arguments: FuzzEntry.allCases)
    func mutations(entry: FuzzEntry) throws {
        // A fuzzer's first minute in small, without its coverage: enough to notice an entry that no longer runs.
        for file in Self.files("Corpus", of: entry) {
            let bytes = [UInt8](try Data(contentsOf: file))
            for index in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 40)) {
                var changed = bytes
                changed[index] ^= 0x41
                entry.run(changed)
                entry.run(Array(bytes[..<index] + bytes[(index + 1)...]))
                entry.run(Array(bytes[...index] + bytes[index...]))
            }
        }
    }
}
