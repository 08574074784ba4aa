/// Finds the command that a misspelt one may have meant.
enum CommandSuggestion {
    /// The edits that still make a slip of a word: the library's own figure, for its options.
    private static let editCountMax = 3

    /// What to say of a word that is no command, or nil where it is one.
    static func sentence(_ word: String, commands: [String]) -> String? {
        if commands.contains(word) { return nil }
        let nearest = commands.map { (name: $0, edits: editCount($0, word)) }.min { $0.edits < $1.edits }
        if let nearest, nearest.edits <= min(editCountMax, word.count - 1) {
            return "Unknown command '\(Readable.text(word))'. Did you mean '\(nearest.name)'?"
        }
        return "Unknown command '\(Readable.text(word))'; known are: \(commands.joined(separator: ", "))."
    }

    /// Characters to be put in, taken out or exchanged between two words (Levenshtein's distance).
    private static func editCount(_ left: String, _ right: String) -> Int {
        let right = Array(right)
        var row = Array(0...right.count)
        for (number, character) in left.enumerated() {
            var diagonal = row[0]
            row[0] = number + 1
            for (position, other) in right.enumerated() {
                let exchanged = diagonal + (character == other ? 0 : 1)
                diagonal = row[position + 1]
                row[position + 1] = min(exchanged, row[position] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
}
