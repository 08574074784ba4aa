import ArgumentParser

/// Finds the command or the option that a misspelt word may have meant.
enum CommandSuggestion {
    /// What to say of a word that is not a command, or nil if it is one.
    static func sentence(_ word: String, commands: [String]) -> String? {
        if commands.contains(word) { return nil }
        let unknown = "Unknown command '\(Readable.text(word))'"
        guard let nearest = EditDistance.nearest(to: word, among: commands).first else {
            return "\(unknown); known are: \(commands.joined(separator: ", "))."
        }
        return "\(unknown). Did you mean '\(nearest)'?"
    }

    /// What to say of the first option that a command does not have, or nil if it has all of them.
    ///
    /// The parser finds a value that makes no sense first, such as the one that follows a misspelt option.
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
