import ArgumentParser
import TripModel

/// A count of bytes as a person types it: `20000000`, `20M`, `4G`; the letters are powers of 1024.
struct ByteCount: ExpressibleByArgument {
    let value: Int

    private static let units: [Character: Int] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40]
    static let form = "a whole number of bytes, or one with K, M, G or T behind it, such as 20M"

    init?(argument: String) {
        let unit = argument.last.flatMap { Self.units[Character($0.uppercased())] }
        let digits = unit == nil ? argument[...] : argument.dropLast()
        guard !digits.isEmpty, digits.utf8.allSatisfy({ 48...57 ~= $0 }), let number = Int(digits) else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit ?? 1)
        guard !overflow else { return nil }
        value = product
    }

    /// The number that an environment variable gives; nil if it is not set.
    static func environment(_ name: String) throws -> Int? {
        guard let text = Environment.text(name) else { return nil }
        guard let count = ByteCount(argument: text) else {
            throw ValidationError("\(name) must be \(form), not '\(ShownURL.setting(text))'.")
        }
        return count.value
    }
}
