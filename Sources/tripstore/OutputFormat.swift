import ArgumentParser
import ColumnStore
import Foundation

/// How an answer is printed.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case table, json, csv
}

/// Where results and words go.
enum Output {
    /// Writes a result to standard output.
    static func result(_ text: String) { FileHandle.standardOutput.write(Data(text.utf8)) }

    /// Writes a line for the person to standard error.
    static func note(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

    /// A CSV line: fields are quoted where RFC 4180 asks for it.
    static func csvLine(_ fields: [String]) -> String {
        fields.map { field in
            field.contains(where: { ",\"\n\r".contains($0) }) ? "\"" + field.replacing("\"", with: "\"\"") + "\"" : field
        }.joined(separator: ",") + "\n"
    }
}

extension Output {
    /// Replaces the moving line on a terminal.
    static func progress(_ text: String) { FileHandle.standardError.write(Data(("\r\u{1B}[K" + text).utf8)) }
}

extension Output {
    /// What an answer cost, in words.
    static func explanation(_ metrics: ScanMetrics) -> String {
        func milliseconds(_ time: Duration) -> String { "\((time / .microseconds(1)).rounded() / 1000) ms" }
        let counted = metrics.segmentsConsidered - metrics.segmentsSkipped - metrics.segmentsRead
        return """
            segments: \(metrics.segmentsConsidered) considered, \(metrics.segmentsSkipped) skipped, \
            \(counted) counted from the index, \(metrics.segmentsRead) read
            pages: \(Readable.count(metrics.pagesConsidered)) considered, \(Readable.count(metrics.pagesRead)) read \
            (\(Readable.bytes(metrics.bytesDecompressed)) decompressed)
            rows: \(Readable.count(metrics.rowsCounted)) counted from the index, \(Readable.count(metrics.rowsTested)) tested
            time: plan \(milliseconds(metrics.planTime)), scan \(milliseconds(metrics.scanTime)), \
            merge \(milliseconds(metrics.mergeTime))
            """
    }
}
