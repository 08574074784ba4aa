/// PLAIN: values back to back, as they are.
///
/// ```
/// page                 := value*
/// value of INT32       := 4 bytes, little-endian
/// value of INT64       := 8 bytes, little-endian
/// value of DOUBLE      := 8 bytes, little-endian, IEEE 754
/// value of BYTE_ARRAY  := length in 4 bytes, little-endian; then as many bytes
/// ```
/// So on the little-endian machines that this runs on, values of fixed size have the same bytes as an array of them, and pages
/// of them are compressed from and decompressed to arrays directly (`PageWriter`, `PageReader`).
///
/// https://github.com/apache/parquet-format/blob/master/Encodings.md#plain-plain--0
package enum PlainEncoding {
    /// Appends the entry of one string.
    package static func encode(_ string: String, into bytes: inout [UInt8]) {
        bytes.append(littleEndian: UInt32(string.utf8.count))
        bytes.append(contentsOf: string.utf8)
    }

    /// Decodes values of fixed size into `values[start...]`; there must be that many bytes.
    @inline(__always)
    static func decode<Value: BitwiseCopyable>(
        _ bytes: RawSpan, count: Int, into values: inout MutableSpan<Value>, at start: Int
    ) {
        let size = MemoryLayout<Value>.size
        precondition(count >= 0 && start >= 0 && start + count <= values.count && bytes.byteCount == count * size)
        for index in 0..<count {
            values[unchecked: start &+ index] = bytes.unsafeLoadUnaligned(
                fromUncheckedByteOffset: index &* size, as: Value.self)
        }
    }

    /// Returns the strings of a BYTE_ARRAY page.
    ///
    /// - Parameter offset: offset of the page in the file, for errors.
    package static func decodeStrings(_ bytes: RawSpan, count: Int, offset: Int) throws(ParquetError) -> [String] {
        var reader = ByteReader(bytes)
        // Each string takes at least four bytes, so memory is reserved only for as many as can be there.
        guard count >= 0, count <= reader.remaining / 4 else {
            throw ParquetError(
                offset: offset, kind: .truncated, detail: "\(count) strings are announced in \(reader.remaining) bytes")
        }
        var strings: [String] = []
        strings.reserveCapacity(count)
        for _ in 0..<count {
            guard reader.remaining >= 4 else {
                throw ParquetError(offset: offset, kind: .truncated, detail: "a string's length lies past the end of its page")
            }
            let length = Int(try reader.integer(UInt32.self, in: bytes))
            guard length <= reader.remaining else {
                throw ParquetError(
                    offset: offset, kind: .truncated,
                    detail: "a string of \(length) bytes is announced where \(reader.remaining) are left")
            }
            strings.append(try string(try reader.skip(length), in: bytes, offset: offset))
        }
        guard reader.remaining == 0 else {
            throw ParquetError(offset: offset, kind: .malformed, detail: "\(reader.remaining) bytes follow the last string")
        }
        return strings
    }

    /// Returns the string of a range, which must be within the bytes.
    static func string(_ range: Range<Int>, in bytes: RawSpan, offset: Int) throws(ParquetError) -> String {
        do {
            return String(copying: try UTF8Span(validating: Span<UInt8>(_bytes: bytes.extracting(range))))
        } catch {
            throw ParquetError(offset: offset, kind: .malformed, detail: "text is not valid UTF-8")
        }
    }

    /// Returns a copy of the bytes of a range, which must be within the bytes.
    static func bytes(_ range: Range<Int>, in bytes: RawSpan) -> [UInt8] {
        let part = Span<UInt8>(_bytes: bytes.extracting(range))
        return [UInt8](capacity: part.count) { output in
            for index in part.indices { output.append(part[index]) }
        }
    }
}
