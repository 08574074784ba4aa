import Foundation

/// The terminals on standard output and standard error.
enum Terminal {
    /// A stream that may be a terminal.
    enum Stream {
        case output, error

        fileprivate var descriptor: Int32 { self == .output ? STDOUT_FILENO : STDERR_FILENO }
    }

    /// Returns whether a stream is a terminal.
    static func isThere(_ stream: Stream) -> Bool { isatty(stream.descriptor) == 1 }

    /// Whether standard error can show a progress line.
    static let canMove = isThere(.error) && !isDumb

    /// Whether a person can be asked and can answer.
    static var canAsk: Bool { isThere(.error) && isatty(STDIN_FILENO) == 1 }

    /// Returns whether a stream shows colours and its user wants them: https://no-color.org.
    static func hasColours(_ stream: Stream) -> Bool {
        isThere(stream) && !isDumb && Environment.text("NO_COLOR") == nil
    }

    private static var isDumb: Bool { (Environment.text("TERM") ?? "dumb") == "dumb" }

    /// Asks a yes-or-no question; any answer but y means no.
    static func confirms(_ question: String) -> Bool {
        Output.words("\(question) [y/N] ")
        return ["y", "yes"].contains((readLine() ?? "").trimmingCharacters(in: .whitespaces).lowercased())
    }

    /// Characters of a line; 80 if the terminal does not say.
    static func columns(_ stream: Stream) -> Int {
        var size = winsize()
        return ioctl(stream.descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 1 ? Int(size.ws_col) : 80
    }
}

/// The few colours that the program uses, for what must not be overlooked and for headings.
enum Style: String {
    case heading = "1"
    case error = "1;31"
    case warning = "1;33"

    /// Returns a text in this style if the stream shows colours, else unchanged.
    func callAsFunction(_ text: String, on stream: Terminal.Stream) -> String {
        Terminal.hasColours(stream) ? "\u{1B}[\(rawValue)m\(text)\u{1B}[0m" : text
    }
}
