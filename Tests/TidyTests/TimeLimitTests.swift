import Foundation
import Testing

/// Every suite has a time limit, so that a test which waits for ever is named instead of holding up the whole run.
@Suite(.timeLimit(.minutes(10)))
struct TimeLimitTests {
    @Test("Every suite has a time limit")
    func suites() {
        for file in SourceTree.files(under: "Tests") {
            for suite in Self.unlimited(file.lines.map(String.init)) {
                Issue.record("\(file.path): \(suite) has tests and no @Suite(.timeLimit(.minutes(…)))")
            }
        }
    }

    @Test("A suite without a limit is seen, and so is a test outside of suites")
    func plantedViolations() {
        let text = """
            @Suite(.serialized)
            struct Unlimited {
                @Test func one() {}
            }

            /// .timeLimit(.minutes(10)) is what it has not.
            final class Commented {
                @Test(.timeLimit(.minutes(10))) func one() {}
            }

            @Test(arguments: [1])
            func free(number: Int) {}

            @Suite(
                .serialized,
                .timeLimit(.minutes(10)))
            struct Limited {
                @Test func one() {}
            }

            struct Fixture {
                func one() {}
            }
            """
        let lines = text.components(separatedBy: "\n")
        #expect(Self.unlimited(lines) == ["Unlimited", "Commented", "a test outside of a suite"])
    }

    /// The types with tests of a file that have no limit of their own, by their names.
    private static func unlimited(_ lines: [String]) -> [String] {
        var names: [String] = []
        for (start, line) in lines.enumerated() {
            if line.hasPrefix("@Test") { names.append("a test outside of a suite") }
            guard
                let match = line.firstMatch(
                    of: /^(?:@\w+(?:\([^)]*\))* )*(?:(?:private|final) )*(?:struct|class|enum|actor|extension) ([\w.]+).*\{$/)
            else { continue }
            let body = lines[start...].prefix { $0 != "}" }
            guard body.contains(where: { $0.contains("@Test") }) else { continue }
            let attributes = lines[..<start].reversed().prefix { !$0.isEmpty && !$0.hasPrefix("//") && !$0.hasPrefix("}") }
            if !attributes.contains(where: { $0.contains(".timeLimit(") }), !line.contains(".timeLimit(") {
                names.append(String(match.1))
            }
        }
        return names
    }
}
