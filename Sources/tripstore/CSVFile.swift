import ArgumentParser
import Foundation
import Ingestion
import Logging
import Transfer
import TripModel

/// A file, or standard output, for an export of trips as CSV.
struct CSVFile {
    private let path: String

    init(_ path: String) { self.path = path }

    /// Writes the trips of a store, and prints their count.
    func write(from options: StoreOptions, _ format: ReportFormat) throws {
        let store = try options.openEngine(.readOnly, mustExist: true, logLevel: .critical)
        defer { store.close() }
        let progress = TripProgress("Exporting to \(path == "-" ? "standard output" : Readable.text(path)) …", earlierTrips: 0)
        defer { progress.end() }
        let warning = try store.engine.missingWarning()
        let export = CSVExport(store.engine)
        func show(trips: Int, of count: Int) { progress.show(trips: trips, of: count) }
        let trips: Int
        if path == "-" {
            trips = try export.write(
                { try Output.write(Data($0), to: .standardOutput, named: "standard output") }, show)
            progress.end()
            Output.note("\(Readable.count(trips, "trip")) written")
        } else {
            trips = try writeFile(export, show)
            progress.end()
            let size = FileSystem.byteCount(of: path) ?? 0
            try Output.result(
                format == .json
                    ? json(trips, size) : "\(Readable.text(path)): \(Readable.count(trips, "trip")), \(Readable.bytes(size))\n")
        }
        if let warning { Output.note("Warning: \(warning)") }
    }

    private func writeFile(_ export: CSVExport, _ report: (Int, Int) -> Void) throws -> Int {
        if path.contains("://") || FileSystem.isDirectory(path) {
            throw ValidationError(
                "\(Readable.text(path)) is not a file that can be written; name one, or - for standard output.")
        }
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
        var file = try DurableFile(directory: folder, name: name, for: .everyone)
        let trips = try export.write({ try file.write($0) }, report)
        try file.commit()
        return trips
    }

    private func json(_ trips: Int, _ byteCount: Int) -> String {
        var writer = JSONWriter()
        writer.object {
            $0.key("file")
            $0.value(path)
            $0.key("trips")
            $0.value(trips)
            $0.key("bytes")
            $0.value(byteCount)
        }
        return writer.text + "\n"
    }
}
