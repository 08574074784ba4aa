import Foundation

/// The model as Markdown.
enum Report {
    static func introduction(rowCount: Int, repeatCount: Int, _ floors: Floors) -> String {
        """
        \(rowCount) generated rows, medians of \(repeatCount), one core (\(processor())), processor time;
        memory is read at \(number(1 / floors.readByte)) GB/s and copied at \(number(1 / floors.copyByte)) GB/s.

        """
    }

    static func table(of stages: [Stage], _ load: Stopwatch.Times) -> String {
        let sum = stages.reduce(0) { $0 + $1.cost }
        let floor = stages.reduce(0) { $0 + $1.floor }
        var lines = [
            "| stage | ns/row | share | floor, ns/row | stage ÷ floor | the floor is to |",
            "| --- | ---: | ---: | ---: | ---: | --- |",
        ]
        for stage in stages {
            lines.append(
                row(
                    stage.name, number(stage.cost), percent(stage.cost / sum), number(stage.floor),
                    stage.floor > 0 ? number(stage.cost / stage.floor) : "", stage.floorName))
        }
        lines.append(row("**sum**", number(sum), percent(1), number(floor), number(sum / floor), ""))
        for (name, time) in [
            ("complete job by one worker, processor time", load.processor), ("… in the kernel", load.kernel),
            ("complete job by one worker, wall-clock time", load.wall),
        ] {
            lines.append(row(name, number(time), percent(time / sum), "", "", ""))
        }
        return lines.joined(separator: "\n")
    }

    static func sentence(about disk: WritingStages.Disk) -> String {
        """
        By the clock, the segment's file takes \(number(disk.durable.wall)) ns/row from its first byte to the synced folder, of
        which the processor works \(number(disk.durable.processor)); a plain write and fsync of the same bytes takes
        \(number(disk.plain.wall)).
        """
    }

    static func table(of columns: [WritingStages.Column]) -> String {
        var lines = [
            "| column | all | values to pages | zstd | CRC-32 | bytes/row | before zstd |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        for column in columns {
            lines.append(
                row(
                    "`\(column.name)`", number(column.cost), number(column.values), number(column.compression),
                    number(column.checksum), number(column.byteCount), number(column.plainByteCount)))
        }
        return lines.joined(separator: "\n")
    }

    private static func row(_ cells: String...) -> String { "| " + cells.joined(separator: " | ") + " |" }

    private static func number(_ value: Double) -> String { String(format: value < 10 ? "%.2f" : "%.1f", value) }

    private static func percent(_ share: Double) -> String { String(format: "%.0f %%", share * 100) }

    private static func processor() -> String {
        let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
        let name = lines.first { $0.hasPrefix("model name") }?.split(separator: ":").last
        return name.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown processor"
    }
}
