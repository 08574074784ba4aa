import ColumnStore
import TestSupport
import Testing

/// Each kernel clears the rows that fail its predicate, and leaves all others as they were.
@Suite(.timeLimit(.minutes(10)))
struct FilterKernelsTests {
    private static let edges = [
        -0.0, 0.0, 1.0, -1.0, 1.0.nextUp, 1.0.nextDown, .nan, .infinity, -.infinity, .leastNonzeroMagnitude, 180, -180,
    ]
    /// Lengths around those of vectors, none at all, and more than a byte can count.
    private static let lengths = [0, 1, 7, 8, 9, 31, 32, 33, 64, 65, 1000]

    private static func mask(_ count: Int, _ random: inout SeededGenerator) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...1, using: &random) }
    }

    private static func doubles(_ count: Int, _ random: inout SeededGenerator) -> [Double] {
        (0..<count).map { _ in
            Bool.random(using: &random) ? edges.randomElement(using: &random)! : .random(in: -2...2, using: &random)
        }
    }

    /// Expects that a kernel leaves exactly the rows of a mask that pass.
    private static func check(
        _ what: String, _ count: Int, _ random: inout SeededGenerator, passes: (Int) -> Bool,
        _ kernel: (inout MutableSpan<UInt8>) -> Void
    ) {
        let before = mask(count, &random)
        var mask = before
        var span = mask.mutableSpan
        kernel(&span)
        let expected = (0..<count).map { before[$0] == 1 && passes($0) ? 1 : 0 as UInt8 }
        #expect(mask == expected, "\(what), \(count) rows")
    }

    @Test("A range of numbers has both its ends; no number is in a range with NaN", arguments: 1...3)
    func doubles(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        for count in Self.lengths {
            let values = Self.doubles(count, &random)
            for _ in 0..<10 {
                let (low, high) = (Self.edges.randomElement(using: &random)!, Self.edges.randomElement(using: &random)!)
                Self.check(
                    "\(low)...\(high), seed \(seed)", count, &random, passes: { low <= values[$0] && values[$0] <= high }
                ) {
                    FilterKernels.between(values.span, low, high, into: &$0)
                }
            }
        }
    }

    @Test("A range of times has its start and not its end", arguments: 1...3)
    func times(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let edges: [Int64] = [.min, .min + 1, -1, 0, 1, .max - 1, .max]
        for count in Self.lengths {
            let values = (0..<count).map { _ in edges.randomElement(using: &random)! }
            for low in edges {
                let high = edges.randomElement(using: &random)!
                Self.check("\(low)..<\(high), seed \(seed)", count, &random, passes: { low <= values[$0] && values[$0] < high })
                {
                    FilterKernels.between(values.span, low, high, into: &$0)
                }
            }
        }
    }

    @Test("A code equals itself", arguments: 1...3)
    func codes(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        for count in Self.lengths {
            let values = (0..<count).map { _ in [0, 1, 255, 256, UInt32.max].randomElement(using: &random)! }
            for code in [0, 1, 256, 257, UInt32.max] {
                Self.check("code \(code), seed \(seed)", count, &random, passes: { values[$0] == code }) {
                    FilterKernels.equal(values.span, code, into: &$0)
                }
            }
        }
    }

    @Test("Either of two points is in a box, edges included", arguments: 1...3)
    func eitherPoint(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        for count in Self.lengths {
            let (x, y) = (Self.doubles(count, &random), Self.doubles(count, &random))
            let (u, v) = (Self.doubles(count, &random), Self.doubles(count, &random))
            for _ in 0..<10 {
                let box = (0..<4).map { _ in Self.edges.randomElement(using: &random)! }
                func isIn(_ longitude: Double, _ latitude: Double) -> Bool {
                    box[0] <= longitude && box[1] <= latitude && longitude <= box[2] && latitude <= box[3]
                }
                Self.check("\(box), seed \(seed)", count, &random, passes: { isIn(x[$0], y[$0]) || isIn(u[$0], v[$0]) }) {
                    FilterKernels.inEither(
                        x.span, y.span, u.span, v.span, box[0], box[1], box[2], box[3], into: &$0)
                }
            }
        }
    }

    @Test("Rows that pass are counted", arguments: 1...3)
    func counts(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        for count in Self.lengths + [100_000] {
            let mask = Self.mask(count, &random)
            #expect(FilterKernels.count(mask) == mask.count { $0 == 1 }, "\(count) rows, seed \(seed)")
        }
    }
}
