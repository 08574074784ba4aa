import TripModel

/// What is odd about the file of a job, for the end of a command.
enum ReadingReport {
    /// Prints the notes of a job below its own line.
    static func show(_ reading: JobReading) {
        for note in reading.notes { Output.note("  Note: \(Readable.text(note.text))") }
    }
}
