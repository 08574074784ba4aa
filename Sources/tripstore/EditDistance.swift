/// Counts the typing errors between two words.
enum EditDistance {
    /// Maximum of typing errors between a word and a suggestion: the argument parser's own limit, for its options.
    static let slipCountMax = 3

    /// Returns the words that a misspelt one may have meant, the nearest first: at most half of its letters may differ, and at
    /// most three.
    static func nearest(to word: String, among words: [String]) -> [String] {
        let word = Array(word.lowercased().prefix(lengthMax))
        let slipCountMax = min(slipCountMax, max(word.count / 2, 1))
        let near = words.compactMap { other -> (word: String, slips: Int)? in
            let letters = Array(other.lowercased().prefix(lengthMax))
            // Words whose lengths differ by more need no table.
            guard abs(letters.count - word.count) <= slipCountMax else { return nil }
            let slips = count(word, letters)
            return slips <= slipCountMax ? (other, slips) : nil
        }
        return near.sorted { ($0.slips, $0.word) < ($1.slips, $1.word) }.map(\.word)
    }

    /// Letters of a word that are compared: names from a file may be long.
    private static let lengthMax = 100

    /// Returns the letters to insert, delete or replace between two words (Levenshtein distance).
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
