import Ingestion
import TripModel

/// The beginning of a publisher's file: what is recognized can be decoded, the same by every kernel and chunking.
enum RecognitionEntry {
    static func run(_ bytes: [UInt8]) {
        var choices = FuzzEntry.choices(of: bytes)
        var isPlain = true
        for _ in 0..<3 {
            // First as the file comes, then with answers to what it may leave open.
            try? check(bytes, isPlain ? ReadingOptions() : options(&choices))
            isPlain = false
        }
    }

    private static func options(_ choices: inout FuzzEntry.Choices) -> ReadingOptions {
        func pick<Value>(_ values: [Value]) -> Value { values[choices.next(below: values.count)] }
        var options = ReadingOptions()
        options.timeZone = pick([nil, "UTC", "as-written", "Europe/Oslo"])
        options.dateOrder = pick([nil, .monthFirst, .dayFirst])
        options.nullIsland = pick([nil, .reject])
        options.missingDestination = pick([nil, .keep])
        options.decimalComma = pick([nil, nil, true])
        options.hasHeader = pick([nil, nil, false])
        options.delimiter = pick([nil, nil, ";", "tab", "|"])
        if options.hasHeader == false {
            options.map = [
                .time: "1", .originLongitude: "2", .originLatitude: "3", .destinationLongitude: "4", .destinationLatitude: "5",
            ]
        }
        return options
    }

    private static func check(_ bytes: [UInt8], _ options: ReadingOptions) throws(TripstoreError) {
        var recognition: CSVRecognition
        do throws(TripstoreError) {
            recognition = try CSVRecognition(beginning: bytes.span.bytes, isWholeFile: true, options: options)
        } catch { throw checked(error) }
        let padded = bytes + [UInt8](repeating: UInt8(ascii: "7"), count: Limits.chunkPaddingByteCount)
        recognition.surveyTimes(padded: padded.span.bytes, count: bytes.count, isWholeFile: true)
        let layout: CSVLayout
        do throws(TripstoreError) { layout = try recognition.layout() } catch { throw checked(error) }
        precondition(layout.byteCount <= bytes.count, "the header is longer than the file")
        CSVEntry.check(Array(bytes[layout.byteCount...]), layout)
    }

    private static func checked(_ error: TripstoreError) -> TripstoreError {
        precondition(!error.message.isEmpty && !error.message.contains("\n"), "an error has several lines")
        precondition(error.question?.isAnswerable ?? true, "a question without an answer")
        return error
    }
}
