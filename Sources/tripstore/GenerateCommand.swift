import ArgumentParser
import Foundation
import TripGenerator
import TripModel

/// `tripstore generate`: realistic synthetic trips, the same bytes for the same seed.
struct GenerateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Generates a CSV of realistic trips; the same bytes for the same seed.",
        discussion: """
            About twenty cities of different sizes, with hotspots, commuter peaks and several datasources, in order of time over 2018.

            Examples:
              tripstore generate --rows 1000000 --output trips.csv
              tripstore generate --rows 1000 | head -3
            """)

    @Option(help: "Number of trips.")
    var rows: Int

    @Option(name: .shortAndLong, help: "File to write; - is standard output.", completion: .file())
    var output = "-"

    @Option(help: "Seed; a different seed generates different trips.")
    var seed: UInt64 = 1

    func validate() throws {
        guard (0...100_000_000_000).contains(rows) else {
            throw ValidationError("--rows must be from 0 to 100000000000, not \(rows).")
        }
    }

    func run() throws {
        let generator = TripGenerator(rowCount: rows, seed: seed)
        let pool = WorkerPool()
        let file = try openOutput()
        let name = output == "-" ? "standard output" : output
        let activity = Activity(nil, isQuiet: output == "-")
        defer { activity.end() }
        try Output.write(Data(TripGenerator.header.utf8), to: file, named: name)
        // A few chunks at a time: all cores generate them, memory stays small, and the order is that of the chunks.
        let stride = pool.threadCount * 4
        var pending: [Pending<[UInt8]>] = []
        var next = 0
        for written in 0..<generator.chunkCount {
            while next < generator.chunkCount, next < written + stride {
                let index = next
                pending.append(pool.submit { generator.chunk(index) })
                next += 1
            }
            try Output.write(Data(pending.removeFirst().wait()), to: file, named: name)
            let count = min(rows, (written + 1) * TripGenerator.rowsPerChunk)
            activity.update("\(Readable.text(output))  \(Readable.count(count)) of \(Readable.count(rows, "row"))")
        }
    }

    private func openOutput() throws -> FileHandle {
        if output == "-" { return .standardOutput }
        let descriptor = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileSystem.error("create", output) }
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }
}
