/// How many slips of the fingers are between two words.
enum EditDistance {
    /// Slips after which a word is still taken for another: the argument parser's own figure, for its options.
    static let slipCountMax = 3

    /// The words that a misspelt one may have meant, the nearest first: as many slips as half of its letters, at most three.
    static func nearest(to word: String, among words: [String]) -> [String] {
        let word = Array(word.lowercased().prefix(lengthMax))
        let slipCountMax = min(slipCountMax, max(word.count / 2, 1))
        let near = words.compactMap { other -> (word: String, slips: Int)? in
            let letters = Array(other.lowercased().prefix(lengthMax))
            // Words that differ more in their lengths than that need no table.
            guard abs(letters.count - word.count) <= slipCountMax else { return nil }
            let slips = count(word, letters)
            return slips <= slipCountMax ? (other, slips) : nil
        }
        return near.sorted { ($0.slips, $0.word) < ($1.slips, $1.word) }.map(\.word)
    }

    /// Letters of a word that are compared: names from a file may be long.
    private static let lengthMax = 100

    /// Letters to be inserted, deleted or replaced between two words (Levenshtein's distance).
    private static func count(_ left: [Character], _ right: [Character]) -> Int {
        var row = Array(0...right.count)
        for (index, letter) in left.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for (position, other) in right.enumerated() {
                let replaced = diagonal + (letter == other ? 0 : 1)
                diagonal = row[position + 1]
                row[position + 1] = min(replaced, row[position] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
}
