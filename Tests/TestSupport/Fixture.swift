import Foundation

/// Reads the files of `Tests/Fixtures`.
package enum Fixture {
    /// Returns the path of a fixture by its name.
    package static func path(_ name: String) -> String {
        // Tests/TestSupport/Fixture.swift -> Tests/Fixtures/name
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        return tests.appendingPathComponent("Fixtures").appendingPathComponent(name).path
    }

    /// Returns the rows of a CSV without quotes, split at commas, without the header.
    package static func rows(_ name: String) throws -> [[String]] {
        let text = try String(contentsOfFile: path(name), encoding: .utf8)
        return text.split(separator: "\n").dropFirst().map { $0.split(separator: ",").map(String.init) }
    }
}
