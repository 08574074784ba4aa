import Foundation

/// What is known of the terminal on standard error, where progress moves.
enum Terminal {
    static var isThere: Bool { isatty(STDERR_FILENO) == 1 }

    /// Whether a person can be asked and can answer.
    static var canAsk: Bool { isThere && isatty(STDIN_FILENO) == 1 }

    /// Asks a question that is answered with y or n; anything but y is no.
    static func confirms(_ question: String) -> Bool {
        Output.words("\(question) [y/N] ")
        return ["y", "yes"].contains((readLine() ?? "").trimmingCharacters(in: .whitespaces).lowercased())
    }

    /// Characters of a line; 80 where it does not say.
    static var columns: Int {
        var size = winsize()
        return ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 1 ? Int(size.ws_col) : 80
    }
}
