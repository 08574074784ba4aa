/// What a file's user must say before the file can be read, since it can be read in two ways; or why it can't be read at all.
///
/// The sentence of the error that it becomes (`TripstoreError(asking:)`) ends with what to add, ready to paste:
///
///     … no value proves either. Add --date-order month-first or --date-order day-first (curl: -F date_order=month-first or …).
public struct FormatQuestion: Error, Hashable, Sendable {
    /// The option that answers it, named as in the API, such as `map` or `date_order`.
    public var option: String
    /// The column as the file spells it; nil if the question is about the file.
    public var column: String?
    /// One of its values.
    public var example: String?
    /// Values of the option that answer it; for `map`, the columns to choose from.
    public var choices: [String]
    /// What is open and why, as a sentence without the options.
    public var reason: String
    /// Each answer as values of the option, all of which are needed: `[["origin_lng=lon", "origin_lat=lat"]]`.
    public var answers: [[String]]
    /// What columns are to be named for if no answer is known, such as `time`.
    public var targets: [String]

    /// Makes a question; each choice of another option than `map` is an answer.
    public init(
        option: String, column: String?, example: String?, choices: [String], reason: String, answers: [[String]]? = nil,
        targets: [String] = []
    ) {
        self.option = option
        self.column = column
        self.example = example
        self.choices = choices
        self.reason = reason
        self.answers = answers ?? (option == "map" ? [] : choices.map { [$0] })
        self.targets = targets
    }

    /// Whether an option can answer it; if not, the file can't be read as it is.
    public var isAnswerable: Bool { !answers.isEmpty || !targets.isEmpty || option == "places" }

    /// The sentence with a value of the column and the remedy.
    ///
    /// Control characters of the file's texts are replaced: a terminal would obey them.
    public var sentence: String { [reason, shownValue, remedy].compactMap(\.self).joined(separator: " ").showingAll }

    /// Characters of a value that a sentence shows.
    private static let shownCharacterCountMax = 80

    /// A value of the column as a sentence; nil if there is none, or the reason has it.
    private var shownValue: String? {
        guard let column, reason.contains(column), let example, !example.isEmpty, !reason.contains(example),
            !example.hasControlCharacter
        else { return nil }
        let isLong = example.count > Self.shownCharacterCountMax
        return "One of its values is \(isLong ? example.prefix(Self.shownCharacterCountMax) + "…" : example)."
    }

    /// What to add to the command line or the request, as a sentence; nil if nothing helps.
    private var remedy: String? {
        switch option {
        case "places":
            return "Add --places FILE (curl: -F places=@FILE), a file with the id or name, longitude and latitude of each."
        case "map" where answers.isEmpty:
            if targets.isEmpty { return nil }
            let values = targets.map { "\($0)=COLUMN" }
            return "Name \(targets.count == 1 ? "its column" : "their columns"): " + pasted([values]) + "."
        case "time_zone":
            return "Add " + pasted(answers) + ", or the zone of the city, such as \(Self.flag(option)) Europe/Oslo."
        default:
            return answers.isEmpty ? nil : "Add " + pasted(answers) + "."
        }
    }

    /// At most this many answers are shown.
    private static let shownAnswerCountMax = 4

    /// Answers for the command line, and in parentheses for curl.
    private func pasted(_ answers: [[String]]) -> String {
        let shown = answers.prefix(Self.shownAnswerCountMax)
        let flags = shown.map { answer in
            answer.map { value in
                if option == "decimal_comma" { return value == "false" ? "--no-decimal-comma" : Self.flag(option) }
                return "\(Self.flag(option)) \(Self.quoted(word(of: value)))"
            }.joined(separator: " ")
        }
        let fields = shown.map { answer in
            answer.map { "-F \(Self.quoted("\(option)=\(word(of: $0))"))" }.joined(separator: " ")
        }
        return "\(flags.joined(separator: " or ")) (curl: \(fields.joined(separator: " or ")))"
    }

    /// Delimiters in words.
    static let delimiterWords = ["comma": ",", "semicolon": ";", "pipe": "|"]

    /// A delimiter in a word: a shell, a query string and curl's -F each take some of them for something else.
    private func word(of value: String) -> String {
        option == "delimiter" ? Self.delimiterWords.first { $0.value == value }?.key ?? value : value
    }

    private static func flag(_ option: String) -> String { "--" + option.map { $0 == "_" ? "-" : String($0) }.joined() }

    /// A word as a shell reads it.
    private static func quoted(_ word: String) -> String {
        let isPlain = word.unicodeScalars.allSatisfy { scalar in
            scalar.properties.isAlphabetic || (scalar.value >= 0x30 && scalar.value <= 0x39)
                || "_-+./:,=@%".unicodeScalars.contains(scalar)
        }
        return isPlain
            ? word : "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}

extension TripstoreError {
    /// Makes the error of a file that can't be read before its user has answered a question.
    public init(asking question: FormatQuestion) {
        self.init(.badInput, question.sentence)
        self.question = question.isAnswerable ? question : nil
    }
}
