/// BYTE_STREAM_SPLIT: the first byte of all values, then the second of all, and so on, so that a compressor finds similarities.
///
/// ```
/// values     a0 a1 a2 a3   b0 b1 b2 b3   c0 c1 c2 c3          (8 bytes each for INT64 and DOUBLE)
/// page       a0 b0 c0   a1 b1 c1   a2 b2 c2   a3 b3 c3
/// ```
/// Both directions transpose a matrix of bytes. It is done in squares of 8 × 8 (or 4 × 4) bytes in registers, two squares side
/// by side: swapping the halves of words, then their quarters, then single bytes.
///
/// Memory safety: each function checks once that its spans have as many bytes as it touches.
///
/// https://github.com/apache/parquet-format/blob/master/Encodings.md#byte-stream-split-byte_stream_split--9
package enum ByteStreamSplitEncoding {
    /// Appends the streams of some values, given as the bytes of values of 4 or 8 bytes.
    package static func encode(_ values: RawSpan, width: Int, into bytes: inout [UInt8]) {
        precondition((width == 4 || width == 8) && values.byteCount % width == 0)
        let byteCount = values.byteCount
        guard byteCount > 0 else { return }
        bytes.append(addingCapacity: byteCount) { output in
            output.withUnsafeMutableBufferPointer { target, initialized in
                values.withUnsafeBytes { source in
                    let output = UnsafeMutableRawPointer(target.baseAddress! + initialized)
                    if width == 8 {
                        split8(source.baseAddress!, count: byteCount / 8, into: output)
                    } else {
                        split4(source.baseAddress!, count: byteCount / 4, into: output)
                    }
                }
                initialized += byteCount
            }
        }
    }

    /// Decodes the streams of `count` values of 8 bytes into `values[start...]`; there must be that many bytes.
    package static func decode<Value: BitwiseCopyable>(
        _ bytes: RawSpan, count: Int, into values: inout MutableSpan<Value>, at start: Int
    ) {
        let width = MemoryLayout<Value>.size
        precondition((width == 4 || width == 8) && MemoryLayout<Value>.stride == width)
        precondition(count >= 0 && start >= 0 && start + count <= values.count && bytes.byteCount == count * width)
        guard count > 0 else { return }
        bytes.withUnsafeBytes { source in
            values.withUnsafeMutableBytes { target in
                let output = target.baseAddress! + start * width
                if width == 8 {
                    join8(source.baseAddress!, count: count, into: output)
                } else {
                    join4(source.baseAddress!, count: count, into: output)
                }
            }
        }
    }

    // MARK: - Eight streams

    private typealias Words = SIMD2<UInt64>
    private typealias Square = (Words, Words, Words, Words, Words, Words, Words, Words)

    private static func split8(_ input: UnsafeRawPointer, count: Int, into output: UnsafeMutableRawPointer) {
        var index = 0
        while index &+ 16 <= count {
            // Row r holds the values index + r and index + 8 + r.
            let values = input + index &* 8
            var rows: Square = (
                row(values, 0), row(values, 1), row(values, 2), row(values, 3),
                row(values, 4), row(values, 5), row(values, 6), row(values, 7)
            )
            transpose(&rows)
            let streams = output + index
            store(rows.0, streams, 0, count)
            store(rows.1, streams, 1, count)
            store(rows.2, streams, 2, count)
            store(rows.3, streams, 3, count)
            store(rows.4, streams, 4, count)
            store(rows.5, streams, 5, count)
            store(rows.6, streams, 6, count)
            store(rows.7, streams, 7, count)
            index &+= 16
        }
        splitRest(input, from: index, count: count, width: 8, into: output)
    }

    private static func join8(_ input: UnsafeRawPointer, count: Int, into output: UnsafeMutableRawPointer) {
        var index = 0
        while index &+ 16 <= count {
            let streams = input + index
            var rows: Square = (
                load(streams, 0, count), load(streams, 1, count), load(streams, 2, count), load(streams, 3, count),
                load(streams, 4, count), load(streams, 5, count), load(streams, 6, count), load(streams, 7, count)
            )
            transpose(&rows)
            let values = output + index &* 8
            storeRow(rows.0, values, 0)
            storeRow(rows.1, values, 1)
            storeRow(rows.2, values, 2)
            storeRow(rows.3, values, 3)
            storeRow(rows.4, values, 4)
            storeRow(rows.5, values, 5)
            storeRow(rows.6, values, 6)
            storeRow(rows.7, values, 7)
            index &+= 16
        }
        joinRest(input, from: index, count: count, width: 8, into: output)
    }

    @inline(__always)
    private static func row(_ values: UnsafeRawPointer, _ row: Int) -> Words {
        Words(
            values.loadUnaligned(fromByteOffset: row &* 8, as: UInt64.self),
            values.loadUnaligned(fromByteOffset: 64 &+ row &* 8, as: UInt64.self))
    }

    @inline(__always)
    private static func storeRow(_ words: Words, _ values: UnsafeMutableRawPointer, _ row: Int) {
        values.storeBytes(of: words[0], toByteOffset: row &* 8, as: UInt64.self)
        values.storeBytes(of: words[1], toByteOffset: 64 &+ row &* 8, as: UInt64.self)
    }

    @inline(__always)
    private static func load(_ streams: UnsafeRawPointer, _ stream: Int, _ count: Int) -> Words {
        streams.loadUnaligned(fromByteOffset: stream &* count, as: Words.self)
    }

    @inline(__always)
    private static func store(_ words: Words, _ streams: UnsafeMutableRawPointer, _ stream: Int, _ count: Int) {
        streams.storeBytes(of: words, toByteOffset: stream &* count, as: Words.self)
    }

    /// Transposes two squares of 8 × 8 bytes, one in each lane; word r is row r, its lowest byte is column 0.
    @inline(__always)
    private static func transpose(_ rows: inout Square) {
        swap(&rows.0, &rows.4, by: 32, 0x0000_0000_ffff_ffff)
        swap(&rows.1, &rows.5, by: 32, 0x0000_0000_ffff_ffff)
        swap(&rows.2, &rows.6, by: 32, 0x0000_0000_ffff_ffff)
        swap(&rows.3, &rows.7, by: 32, 0x0000_0000_ffff_ffff)
        swap(&rows.0, &rows.2, by: 16, 0x0000_ffff_0000_ffff)
        swap(&rows.1, &rows.3, by: 16, 0x0000_ffff_0000_ffff)
        swap(&rows.4, &rows.6, by: 16, 0x0000_ffff_0000_ffff)
        swap(&rows.5, &rows.7, by: 16, 0x0000_ffff_0000_ffff)
        swap(&rows.0, &rows.1, by: 8, 0x00ff_00ff_00ff_00ff)
        swap(&rows.2, &rows.3, by: 8, 0x00ff_00ff_00ff_00ff)
        swap(&rows.4, &rows.5, by: 8, 0x00ff_00ff_00ff_00ff)
        swap(&rows.6, &rows.7, by: 8, 0x00ff_00ff_00ff_00ff)
    }

    /// Swaps the upper parts of one row with the lower parts of the other.
    @inline(__always)
    private static func swap(_ upper: inout Words, _ lower: inout Words, by bits: UInt64, _ mask: UInt64) {
        let shift = Words(repeating: bits)
        let difference = ((upper &>> shift) ^ lower) & Words(repeating: mask)
        lower ^= difference
        upper ^= difference &<< shift
    }

    // MARK: - Four streams

    /// INT32 columns are few and small, so plain loops suffice.
    private static func split4(_ input: UnsafeRawPointer, count: Int, into output: UnsafeMutableRawPointer) {
        splitRest(input, from: 0, count: count, width: 4, into: output)
    }

    private static func join4(_ input: UnsafeRawPointer, count: Int, into output: UnsafeMutableRawPointer) {
        for index in 0..<count {
            var value: UInt32 = 0
            for stream in 0..<4 {
                let byte = UInt32(input.load(fromByteOffset: stream &* count &+ index, as: UInt8.self))
                value |= byte &<< UInt32(8 &* stream)
            }
            output.storeBytes(of: value.littleEndian, toByteOffset: index &* 4, as: UInt32.self)
        }
    }

    // MARK: - The last values

    @inline(__always)
    private static func splitRest(
        _ input: UnsafeRawPointer, from start: Int, count: Int, width: Int, into output: UnsafeMutableRawPointer
    ) {
        for stream in 0..<width {
            for index in start..<count {
                output.storeBytes(
                    of: input.load(fromByteOffset: index &* width &+ stream, as: UInt8.self),
                    toByteOffset: stream &* count &+ index, as: UInt8.self)
            }
        }
    }

    @inline(__always)
    private static func joinRest(
        _ input: UnsafeRawPointer, from start: Int, count: Int, width: Int, into output: UnsafeMutableRawPointer
    ) {
        for index in start..<count {
            for stream in 0..<width {
                output.storeBytes(
                    of: input.load(fromByteOffset: stream &* count &+ index, as: UInt8.self),
                    toByteOffset: index &* width &+ stream, as: UInt8.self)
            }
        }
    }
}
