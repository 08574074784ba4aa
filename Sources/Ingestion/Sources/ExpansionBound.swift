package import TripModel

/// How much compressed data may expand, so that a few bytes do not occupy an ingestion for days.
///
/// A multiple of what was read so far, and some gigabytes that every file may have: real trips expand tenfold, files of equal
/// rows some thousandfold, and zstd could expand thirty-thousandfold without end.
package struct ExpansionBound: Sendable {
    package let multiple: Int

    /// Makes a bound.
    package init(multiple: Int) { self.multiple = multiple }

    package func require(_ plain: Int, from stored: Int, format: DecompressionStream.Format) throws(TripstoreError) {
        guard plain > Limits.expansionByteCountMin, (plain - Limits.expansionByteCountMin) / multiple > stored else { return }
        throw TripstoreError(
            .badInput,
            "\(stored) bytes of \(format.rawValue) data have grown to \(plain), which is more than \(multiple) times as many and "
                + "\(Limits.expansionByteCountMin >> 30) GiB; if that is intended, raise MAX_EXPANSION or load it uncompressed."
        )
    }
}
