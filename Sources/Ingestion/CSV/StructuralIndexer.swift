internal import CKernels

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// Stage 1 of CSV decoding: bytes to the positions of delimiters, quotes and newlines.
///
/// As in simdjson, finding the marks is a stage of its own: it needs no knowledge of records, so it runs over whole blocks at
/// memory speed, and stage 2 goes from mark to mark without looking at the bytes between.
/// https://arxiv.org/abs/1902.08318
///
/// Unsafe code: calls into C, whose kernels read `bytes[0..<count]` and nothing else.
package struct StructuralIndexer: Sendable {
    /// The kernels; all of them give the same positions.
    package enum Path: Int32, CaseIterable, Sendable {
        case portable = 0
        case avx2 = 1
        case avx512 = 2

        /// Returns whether this machine can run the kernel.
        package var isSupported: Bool { tripstore_structural_supports(rawValue) }

        /// The fastest kernel that this machine can run.
        package static let fastest = allCases.last { $0.isSupported } ?? .portable
    }

    /// The kernel in use.
    package let path: Path
    /// The byte between fields.
    package let delimiter: UInt8

    /// Makes an indexer with a kernel, or with the portable one if the machine can't run it.
    package init(path: Path = .fastest, delimiter: UInt8 = UInt8(ascii: ",")) {
        self.path = path.isSupported ? path : .portable
        self.delimiter = delimiter
    }

    /// Positions that `index` may write past the last valid one.
    static let slack = Int(TRIPSTORE_STRUCTURAL_SLACK)

    /// Writes the positions of the marks of `count` bytes, each plus `base`, and returns their count.
    ///
    /// `positions` has room for `count + slack`.
    @inline(__always)
    func index(
        _ bytes: UnsafePointer<UInt8>, count: Int, base: UInt32, into positions: UnsafeMutablePointer<UInt32>
    ) -> Int {
        tripstore_structural_index(path.rawValue, bytes, count, base, delimiter, positions)
    }

    /// Returns the positions of all delimiters, quotes and newlines of `bytes`.
    package func positions(in bytes: RawSpan) -> [UInt32] {
        bytes.withUnsafeBytes { buffer in
            guard let start = buffer.assumingMemoryBound(to: UInt8.self).baseAddress else { return [] }
            return [UInt32](unsafeUninitializedCapacity: buffer.count + Self.slack) { positions, count in
                count = index(start, count: buffer.count, base: 0, into: positions.baseAddress!)
            }
        }
    }

    /// Returns the position of the first newline after an odd count of quotes, or nil.
    ///
    /// Without one no line leaves a quote open, so every newline ends a record.
    package func firstQuotedNewline(in bytes: RawSpan) -> Int? {
        bytes.withUnsafeBytes { buffer in
            guard let start = buffer.assumingMemoryBound(to: UInt8.self).baseAddress else { return nil }
            let position = tripstore_structural_quoted_newline(path.rawValue, start, buffer.count)
            return position < buffer.count ? position : nil
        }
    }

    /// Returns the position of the last newline, or nil.
    package static func lastNewline(in bytes: RawSpan) -> Int? {
        bytes.withUnsafeBytes { $0.lastIndex(of: UInt8(ascii: "\n")) }
    }

    /// Returns the position of the first newline, or nil.
    package static func firstNewline(in bytes: RawSpan) -> Int? {
        bytes.withUnsafeBytes { buffer in
            guard let start = buffer.baseAddress, let found = memchr(start, 0x0A, buffer.count) else { return nil }
            return UnsafeRawPointer(found) - start
        }
    }
}
