/// Choices of unequal weight: their running sums, looked up by a random integer below the total.
struct CumulativeWeights: Sendable {
    /// The sum of all weights.
    let total: UInt32
    private let sums: [UInt32]

    init(_ weights: [Int]) {
        var sum: UInt32 = 0
        var sums: [UInt32] = []
        for weight in weights {
            sum += UInt32(weight)
            sums.append(sum)
        }
        total = sum
        self.sums = sums
    }

    /// Returns the index of a choice; one of weight zero is never chosen.
    func choose(using generator: inout SplitMix64) -> Int {
        let number = generator.next(below: total)
        var index = 0
        while index < sums.count - 1 && sums[index] <= number { index += 1 }
        return index
    }
}
