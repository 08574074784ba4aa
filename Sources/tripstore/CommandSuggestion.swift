import ArgumentParser

/// Finds the command or the option that a misspelt word may have meant.
enum CommandSuggestion {
    /// Returns the error for a word that is not a command, or nil if it is one.
    static func sentence(_ word: String, commands: [String]) -> String? {
        if commands.contains(word) { return nil }
        let unknown = "Unknown command '\(Readable.text(word))'"
        guard let nearest = EditDistance.nearest(to: word, among: commands).first else {
            return "\(unknown); known are: \(commands.joined(separator: ", "))."
        }
        return "\(unknown). Did you mean '\(nearest)'?"
    }

    /// Returns the error for the first option that a command does not have, or nil if it has all of them.
    ///
    /// The parser reports an invalid value first, such as the one after a misspelt option.
    static func sentence(options words: some Sequence<String>, of command: any ParsableCommand.Type) -> String? {
        let known = command.helpMessage(includeHidden: true).matches(of: /--[a-z][a-z0-9-]*/).map { String($0.output) }
        for word in words.prefix(while: { $0 != "--" }) where word.hasPrefix("--") {
            let option = String(word.prefix { $0 != "=" })
            if known.contains(option) { continue }
            let nearest = EditDistance.nearest(to: option, among: known).first.map { " Did you mean '\($0)'?" } ?? ""
            return "Unknown option '\(Readable.text(option))'.\(nearest)"
        }
        return nil
    }
}
