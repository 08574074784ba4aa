import Foundation

/// How a job reads its file: what was understood, what is odd, and what its user must say first.
public struct JobReading: Hashable, Sendable {
    /// The options as understood, every used column included; nil until the file's beginning was read.
    public var format: ReadingOptions?
    /// What is odd about the file.
    public var notes: [JobNote] = []
    /// Why the job failed, if an option of its user decides it.
    public var question: JobQuestion?

    public init() {}
}

/// Something odd about a file, which is loaded all the same.
public struct JobNote: Hashable, Sendable, Codable {
    /// A word for programs, such as `null_island` or `far_away`.
    public var kind: String
    /// Trips that it concerns; nil if it concerns none in particular.
    public var trips: Int?
    /// A sentence for a person.
    public var text: String

    public init(kind: String, trips: Int?, text: String) {
        self.kind = kind
        self.trips = trips
        self.text = text
    }
}

/// An option that decides between the ways in which a file can be read.
public struct JobQuestion: Hashable, Sendable, Codable {
    /// The option's name, such as `date_order`.
    public var option: String
    /// The column as the file spells it; nil if the question is about the file.
    public var column: String?
    /// One of its values.
    public var example: String?
    /// Values of the option that answer it; for `map`, the columns to choose from.
    public var choices: [String]

    public init(option: String, column: String?, example: String?, choices: [String]) {
        self.option = option
        self.column = column
        self.example = example
        self.choices = choices
    }

    /// What of a question outlasts its sentence, which is the job's message.
    ///
    /// - Parameter quotesFile: whether its user may know what the file contains.
    package init(_ question: FormatQuestion, quotesFile: Bool) {
        self.init(
            option: question.option, column: quotesFile ? question.column : nil, example: quotesFile ? question.example : nil,
            choices: quotesFile || question.option != ReadingOptions.Option.map.rawValue ? question.choices : [])
    }
}

// MARK: - JSON

extension JobReading {
    /// The notes as the catalog stores them; nil if there are none.
    var notesJSON: String? {
        if notes.isEmpty { return nil }
        var writer = JSONWriter()
        writer.array(notes) { $1.write(to: &$0) }
        return writer.text
    }

    /// The question as the catalog stores it.
    var questionJSON: String? {
        guard let question else { return nil }
        var writer = JSONWriter()
        question.write(to: &writer)
        return writer.text
    }

    /// Reads what the catalog stores.
    init(format: String?, notes: String?, question: String?) {
        self.format = format.flatMap { ReadingOptions(json: $0) }
        self.notes = notes.flatMap { try? JSONDecoder().decode([JobNote].self, from: Data($0.utf8)) } ?? []
        self.question = question.flatMap { try? JSONDecoder().decode(JobQuestion.self, from: Data($0.utf8)) }
    }
}

extension JobNote {
    package func write(to writer: inout JSONWriter) {
        writer.object {
            $0.member("kind", kind)
            $0.member("trips", trips)
            $0.member("text", text)
        }
    }
}

extension JobQuestion {
    package func write(to writer: inout JSONWriter) {
        writer.object {
            $0.member("option", option)
            $0.member("column", column)
            $0.member("example", example)
            $0.key("choices")
            $0.array(choices) { $0.value($1) }
        }
    }
}
