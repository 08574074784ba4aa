import ArgumentParser
import Foundation
import Synchronization
import TripModel

/// Prints results to standard output, and everything else to standard error.
enum Output {
    /// Writes a whole result to standard output.
    static func result(_ text: String) throws {
        progress("")
        try write(Data(text.utf8), to: .standardOutput, named: "standard output")
    }

    /// Writes to a file, and throws a sentence on failure.
    ///
    /// If the reader of a pipe is gone, the program ends silently, as SIGPIPE would have ended it.
    static func write(_ data: Data, to file: FileHandle, named name: String) throws {
        do {
            try file.write(contentsOf: data)
        } catch {
            let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError ?? error as NSError
            let number = cause.domain == NSPOSIXErrorDomain ? Int32(cause.code) : EIO
            if number == EPIPE { throw ExitCode(128 + SIGPIPE) }
            throw FileSystem.error("write to", name, number)
        }
    }

    /// Prints a line for a person to standard error, below the progress line if there is one.
    static func note(_ text: String) {
        movingLine.withLock { isThere in
            if isThere { words("\n") }
            isThere = false
            words(styled(text) + "\n")
        }
    }

    /// Returns a line whose first word is highlighted, so that errors and warnings stand out.
    private static func styled(_ text: String) -> String {
        for (word, style) in [("Error:", Style.error), ("Warning:", .warning)] where text.hasPrefix(word) {
            return style(word, on: .error) + text.dropFirst(word.count)
        }
        return text
    }

    /// Prints a warning next to an answer that trips are missing from it; JSON has a member for that.
    static func noteMissing(_ warning: String?, in format: OutputFormat) {
        if let warning, format != .json { note("Warning: \(warning)") }
    }

    /// Prints text to standard error; an error is ignored, because there is nowhere left to report it.
    static func words(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }

    /// Whether the terminal's last line is a progress line.
    private static let movingLine = Mutex(false)

    /// Replaces the progress line on a terminal, cut to its width; an empty text removes it.
    static func progress(_ text: String) {
        movingLine.withLock { isThere in
            if text.isEmpty, !isThere { return }
            isThere = !text.isEmpty
            words("\r\u{1B}[K" + TextWidth.cut(text, to: Terminal.columns(.error) - 1))
        }
    }

    /// Leaves the progress line as it is.
    static func endProgress() {
        movingLine.withLock { isThere in
            if isThere { words("\n") }
            isThere = false
        }
    }

    /// A CSV line: fields are quoted if RFC 4180 asks for it.
    static func csvLine(_ fields: [String]) -> String {
        // By scalars: a quote with an accent over it is a character of its own.
        fields.map { field in
            guard field.unicodeScalars.contains(where: { ",\"\n\r".unicodeScalars.contains($0) }) else { return field }
            return "\"" + field.unicodeScalars.map { $0 == "\"" ? "\"\"" : String($0) }.joined() + "\""
        }.joined(separator: ",") + "\n"
    }
}

extension Output {
    /// Returns the cost of an answer, in words.
    static func explanation(_ metrics: ScanMetrics) -> String {
        func milliseconds(_ time: Duration) -> String { "\((time / .microseconds(1)).rounded() / 1000) ms" }
        let counted = metrics.segmentsConsidered - metrics.segmentsSkipped - metrics.segmentsRead
        return """
            segments: \(metrics.segmentsConsidered) considered, \(metrics.segmentsSkipped) skipped, \
            \(counted) counted from the index, \(metrics.segmentsRead) read
            pages: \(Readable.count(metrics.pagesConsidered)) considered, \
            \(Readable.count(metrics.distinctPagesRead)) read (\(Readable.bytes(metrics.bytesDecompressed)) decompressed)
            rows: \(Readable.count(metrics.rowsCounted)) counted from the index, \(Readable.count(metrics.rowsTested)) tested
            time: plan \(milliseconds(metrics.planTime)), scan \(milliseconds(metrics.scanTime)), \
            merge \(milliseconds(metrics.mergeTime))
            """
    }
}
