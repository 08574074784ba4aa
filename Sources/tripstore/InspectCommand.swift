import ArgumentParser
import ColumnStore
import Ingestion
import LocalStore
import Logging
import TripModel

/// `tripstore inspect`: what is in a store or a segment; it never writes.
struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Shows what is in a store, or the layout of one of its segment files; never writes.",
        discussion: """
            A segment is a Parquet file of the store. Works while a server runs, and on a damaged file.

            Examples:
              tripstore inspect
              tripstore inspect data/segments/trips-000001-101.parquet
              tripstore inspect SEGMENT --format json
            """)

    @Argument(help: "A segment file; without one, the store is summarized.", completion: .file(extensions: ["parquet"]))
    var segment: String?

    @Option(help: "table or json.")
    var format = ReportFormat.table

    @OptionGroup var table: TableOptions

    @OptionGroup var store: StoreOptions

    func run() throws {
        if let segment {
            let layout = try Activity.run("Reading \(Readable.text(segment)) …") { _ in try SegmentLayout(path: segment) }
            try Output.result(format == .json ? layout.json + "\n" : text(layout))
            if !layout.problems.isEmpty { throw ExitCode.failure }
        } else {
            let store = try store.open(.readOnly, logLevel: .critical)
            let summary = try Activity.run("Looking at the files …") { _ in try store.engine.summary(store.jobs.jobCounts()) }
            try Output.result(format == .json ? summary.json + "\n" : text(summary))
        }
    }

    private func text(_ summary: StoreSummary) -> String {
        var text = """
            store     \(summary.dataDirectory)
            trips     \(Readable.count(summary.liveRows))
            bytes     \(Readable.bytes(summary.liveBytes))\(Self.perRow(summary.liveBytes, summary.liveRows))
            jobs      \(Job.Status.allCases.compactMap { s in summary.jobs[s].map { "\($0) \(s.rawValue)" } }.joined(separator: ", "))


            """
        var table = TextTable([("segment", .fixed), ("jobs", .right), ("rows", .right), ("size", .right), ("state", .fixed)])
        for segment in summary.segments {
            let state =
                segment.bytesOnDisk == nil
                ? "MISSING" : segment.bytesOnDisk != segment.bytes ? "WRONG SIZE" : segment.isLive ? "live" : "loading"
            table.add([
                segment.file, Self.jobs(segment.jobs), Readable.count(segment.rows), Readable.bytes(segment.bytes), state,
            ])
        }
        text += table.text(width: self.table.width)
        for file in summary.unnamedFiles { text += "not in the catalog: \(file)\n" }
        if let warning = summary.warning { text += warning + "\n" }
        return text
    }

    private func text(_ layout: SegmentLayout) -> String {
        var text = """
            segment    \(layout.path)
            size       \(Readable.bytes(layout.bytes))\(Self.perRow(layout.bytes, layout.rows ?? 0))
            rows       \(layout.rows.map(Readable.count) ?? "unknown")
            written by \(layout.createdBy ?? "unknown"), format version \(layout.formatVersion ?? "none")
            sorted by  \(layout.sortedBy.joined(separator: ", "))
            page index \(layout.hasPageIndex ? "yes" : "no")

            """
        for (number, group) in layout.rowGroups.enumerated() {
            text += "\nrow group \(number): rows \(Readable.count(group.firstRow)) to "
            text += "\(Readable.count(group.firstRow + group.rows - 1))\n"
            var table = TextTable([
                ("column", .fixed), ("type", .left), ("encodings", .left), ("codec", .left), ("pages", .right),
                ("dict", .right),
                ("size", .right), ("plain", .right), ("checksums", .left), ("minimum", .left), ("maximum", .left),
            ])
            for column in group.columns {
                let pageCount = column.pages + (column.dictionaryEntries == nil ? 0 : 1)
                let checksums =
                    column.damagedPages > 0
                    ? "\(column.damagedPages) DAMAGED" : column.checkedPages == pageCount ? "ok" : "\(column.checkedPages) ok"
                table.add([
                    column.name, column.type, column.encodings.joined(separator: " "), column.codec, String(column.pages),
                    column.dictionaryEntries.map(String.init) ?? "", Readable.bytes(column.compressedBytes),
                    Readable.bytes(column.uncompressedBytes), checksums, column.minimum ?? "", column.maximum ?? "",
                ])
            }
            text += table.text(width: self.table.width)
        }
        if let index = layout.index {
            text += """

                index: \(Readable.bytes(index.bytes))\(Self.perRow(index.bytes, layout.rows ?? 0))
                  regions     \(index.regions.count): \(Self.list(index.regions))
                  datasources \(index.datasources.count): \(Self.list(index.datasources))
                  counts      \(Readable.count(index.countEntries)) of week, region and datasource
                  cells       \(Readable.count(index.cellLeaves)) leaves of the tree of cells
                  positions   \(index.approximationBytes.map(Readable.bytes) ?? "none"), approximate, for the edges of boxes

                """
            var table = TextTable([("  week", .fixed), ("rows", .right)])
            for week in index.weeks { table.add(["  " + week.week, Readable.count(week.rows)]) }
            text += table.text(width: self.table.width)
        }
        for problem in layout.problems { text += "\nPROBLEM: \(problem)\n" }
        return text
    }

    private static func jobs(_ ids: [Int64]) -> String {
        ids.count > 1 ? "\(ids[0])…\(ids[ids.count - 1]) (\(ids.count))" : ids.map(String.init).joined()
    }

    private static func list(_ names: [String]) -> String {
        names.prefix(12).joined(separator: ", ") + (names.count > 12 ? ", …" : "")
    }

    private static func perRow(_ bytes: Int, _ rows: Int) -> String {
        rows > 0 ? " (\((Double(bytes) / Double(rows) * 100).rounded() / 100) bytes a row)" : ""
    }
}
