import TripModel

/// A chunk of whole records, decoded and surveyed: what a worker makes of it.
struct SurveyedChunk: Sendable {
    var decoded: DecodedChunk
    var survey: TripSurvey

    /// Decodes the first `count` bytes of a buffer.
    init(_ buffer: ChunkBuffer, _ count: Int, _ decoder: inout CSVDecoder) {
        let chunk = buffer.withBytes(count: count, padded: true) { decoder.decode(padded: $0, count: count) }
        survey = TripSurvey(chunk.batch.rows.span)
        decoded = chunk
    }
}
