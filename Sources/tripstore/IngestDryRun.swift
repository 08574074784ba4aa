import Bucketing
import Foundation
import Ingestion
import TripModel
import TripstoreAPI

/// `tripstore ingest --dry-run`: what a job would make of files, without a store.
struct IngestDryRun {
    let options: ReadingOptions
    let places: PlaceTable?
    let bounds: IngestionBounds
    let format: ReportFormat
    /// Columns that a line may take; nil: as many as it needs.
    let width: Int?

    /// Prints a report for each file, and returns the exit code that ingestion would have.
    func run(_ items: [FileArguments.Item]) throws -> Int32 {
        var codes: [Int32] = []
        for item in items {
            var name: String?
            do throws(TripstoreError) {
                let path: String
                switch item {
                case .wrong(let error): throw error
                case .url(let url):
                    throw TripstoreError(
                        .invalidArgument, "A dry run reads files, none at a URL: \(Readable.text(url)); fetch it first.")
                case .file(let file, let shown):
                    path = file
                    name = shown ?? file
                }
                let report = try JobService.dryRun(
                    path: SourcePath.of(path), options: options, places: places, bounds: bounds,
                    threadCount: ProcessInfo.processInfo.activeProcessorCount)
                try? Output.result(format == .json ? report.json + "\n" : text(report, of: name ?? path))
                codes.append(Self.code(report))
            } catch {
                Output.note("Error: " + (name.map { "\(Readable.text($0)): " } ?? "") + error.message)
                codes.append(1)
            }
        }
        if format == .table { Output.note("Nothing was stored.") }
        // A question first, as its answer may settle the rest.
        return [2, 1, 3].first(where: codes.contains) ?? 0
    }

    private static func code(_ report: DryRunReport) -> Int32 {
        if report.reading.question != nil { return 2 }
        if report.message != nil { return 1 }
        return report.rejectedRows > 0 ? 3 : 0
    }

    // MARK: Text

    private func text(_ report: DryRunReport, of file: String) -> String {
        let accepted = report.processedRows - report.rejectedRows
        var lines = [
            "\(Readable.text(file)): \(Readable.count(accepted, "trip")), \(Readable.count(report.rejectedRows)) rejected"
        ]
        lines.append(
            "  columns: " + report.columns.map { $0.isEmpty ? "(no name)" : Readable.text($0) }.joined(separator: ", "))
        if let format = report.reading.format { lines.append("  read with: \(format.flags)") }
        var text = lines.map { $0 + "\n" }.joined()
        if !report.rows.isEmpty {
            text += "\n" + table(report.rows).text(width: width) + "\n"
        }
        for (reason, count) in report.reasons.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
            let first = report.rejects.first { $0.reason == reason }.map { ", first in line \(Readable.count($0.line))" } ?? ""
            text += "  \(Readable.count(count)) rejected\(first): \(reason)\n"
        }
        for note in report.reading.notes { text += "  Note: \(Readable.text(note.text))\n" }
        if let message = report.message { text += "  \(Readable.text(message))\n" }
        return text
    }

    private func table(_ rows: [DryRunReport.Row]) -> TextTable {
        var table = TextTable([
            ("datetime", .fixed), ("origin", .fixed), ("destination", .fixed), ("region", .left), ("datasource", .left),
        ])
        func degrees(_ point: (longitude: Double, latitude: Double)) -> String { "\(point.longitude) \(point.latitude)" }
        for row in rows {
            table.add([
                LocalDateTime.text(microseconds: row.time), degrees(row.origin), row.destination.map(degrees) ?? "", row.region,
                row.datasource,
            ])
        }
        return table
    }
}
