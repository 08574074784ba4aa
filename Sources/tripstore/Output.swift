import ArgumentParser
import Foundation
import Synchronization
import TripModel

/// Where results and words go: results to standard output, all else to standard error.
enum Output {
    /// Writes a whole result to standard output.
    static func result(_ text: String) throws {
        try write(Data(text.utf8), to: .standardOutput, named: "standard output")
    }

    /// Writes to a file, and says in a sentence why that could not be.
    ///
    /// Where the reader of a pipe is gone, the program ends without a word, as SIGPIPE would have ended it.
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

    /// Writes a line for the person to standard error, below the moving line if there is one.
    static func note(_ text: String) {
        endProgress()
        words(text + "\n")
    }

    /// Says beside an answer that trips are missing from it; JSON has a member for that.
    static func noteMissing(_ warning: String?, in format: OutputFormat) {
        if let warning, format != .json { note("Warning: \(warning)") }
    }

    /// Writes words to standard error; where nobody can read them, there is nobody to be told.
    static func words(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }

    /// Whether the terminal's last line is one that moves.
    private static let hasMovingLine = Atomic(false)

    /// Replaces the moving line on a terminal, as far as it fits there.
    static func progress(_ text: String) {
        hasMovingLine.store(!text.isEmpty, ordering: .relaxed)
        words("\r\u{1B}[K" + text.prefix(Terminal.columns - 1))
    }

    /// Leaves the moving line as it is.
    static func endProgress() {
        if hasMovingLine.exchange(false, ordering: .relaxed) { words("\n") }
    }

    /// A CSV line: fields are quoted where RFC 4180 asks for it.
    static func csvLine(_ fields: [String]) -> String {
        // By scalars: a quote with an accent over it is a character of its own.
        fields.map { field in
            guard field.unicodeScalars.contains(where: { ",\"\n\r".unicodeScalars.contains($0) }) else { return field }
            return "\"" + field.unicodeScalars.map { $0 == "\"" ? "\"\"" : String($0) }.joined() + "\""
        }.joined(separator: ",") + "\n"
    }
}

extension Output {
    /// What an answer cost, in words.
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
