/// Integers of a fixed count of bits, back to back, from the lowest bit of the first byte on.
///
/// ```
/// the values 0 1 2 3 4 5 6 7 in 3 bits; each byte from its highest bit to its lowest
/// byte 0   10 001 000     low bits of 2 | 1 | 0
/// byte 1   1 100 011 0    low bit of 5 | 4 | 3 | high bit of 2
/// byte 2   111 110 10     7 | 6 | high bits of 5
/// ```
/// Shared by the RLE/bit-packing hybrid and DELTA_BINARY_PACKED. Both directions move 64 bits at a time at any byte offset: one
/// unaligned load yields any value of up to 57 bits, or eight values of up to 8 bits.
///
/// Memory safety: each function checks once that everything it touches lies within its spans.
package enum BitPacking {
    /// Count of the bytes of some values.
    @inline(__always)
    package static func byteCount(_ count: Int, width: Int) -> Int { (count * width + 7) >> 3 }

    /// Count of the bits that a value needs.
    @inline(__always)
    package static func width<Value: FixedWidthInteger & UnsignedInteger>(of value: Value) -> Int {
        Value.bitWidth - value.leadingZeroBitCount
    }

    // MARK: - Unpacking

    /// Unpacks `count` values of `width` bits into `values[start...]`, as many low bits of each as fit its type.
    ///
    /// The packed bytes start at `offset` and must all be there; bytes after them are loaded but ignored.
    @inline(__always)
    package static func unpack<Value: FixedWidthInteger & BitwiseCopyable>(
        _ bytes: RawSpan, at offset: Int, width: Int, count: Int, into values: inout MutableSpan<Value>, at start: Int
    ) {
        precondition((0...64).contains(width) && count >= 0 && offset >= 0 && start >= 0)
        precondition(offset + byteCount(count, width: width) <= bytes.byteCount && start + count <= values.count)
        bytes.withUnsafeBytes { source in
            values.withUnsafeMutableBufferPointer { target in
                guard let output = target.baseAddress, count > 0 else { return }
                guard width > 0, let input = source.baseAddress else {
                    (output + start).update(repeating: 0, count: count)
                    return
                }
                unpack(input + offset, available: source.count - offset, width: width, count: count, into: output + start)
            }
        }
    }

    @inline(__always)
    private static func unpack<Value: FixedWidthInteger>(
        _ input: UnsafeRawPointer, available: Int, width: Int, count: Int, into output: UnsafeMutablePointer<Value>
    ) {
        // Values whose 64-bit load stays within the available bytes.
        let loadable = available < 8 ? 0 : min(count, (available - 8) * 8 / width + 1)
        let mask: UInt64 = width == 64 ? .max : 1 &<< UInt64(truncatingIfNeeded: width) &- 1
        var index = 0
        if width <= 8 {
            index = unpackOctets(input, width: width, mask: mask, count: loadable, into: output)
        } else if width <= 57 {
            index = unpackSingly(input, width: width, mask: mask, count: loadable, into: output)
        }
        while index < count {
            let bit = index &* width
            // A load at the value's first byte misses at most the value's last bits: those are in the ninth byte.
            let word =
                (bit &>> 3) &+ 9 <= available
                ? wideBits(input + bit &>> 3, shift: UInt64(truncatingIfNeeded: bit & 7))
                : lastBits(input, at: bit, width: width, available: available)
            output[index] = Value(truncatingIfNeeded: word & mask)
            index &+= 1
        }
    }

    /// Eight values of up to 8 bits for each load.
    @inline(__always)
    private static func unpackOctets<Value: FixedWidthInteger>(
        _ input: UnsafeRawPointer, width: Int, mask: UInt64, count: Int, into output: UnsafeMutablePointer<Value>
    ) -> Int {
        let shift = UInt64(truncatingIfNeeded: width)
        var pointer = input
        var index = 0
        while index &+ 8 <= count {
            let word = UInt64(littleEndian: pointer.loadUnaligned(as: UInt64.self))
            for lane in 0..<8 {
                output[index &+ lane] = Value(truncatingIfNeeded: word &>> (shift &* UInt64(truncatingIfNeeded: lane)) & mask)
            }
            pointer += width
            index &+= 8
        }
        return index
    }

    /// One value of up to 57 bits for each load; eight at a time start at a whole byte.
    @inline(__always)
    private static func unpackSingly<Value: FixedWidthInteger>(
        _ input: UnsafeRawPointer, width: Int, mask: UInt64, count: Int, into output: UnsafeMutablePointer<Value>
    ) -> Int {
        var pointer = input
        var index = 0
        while index &+ 8 <= count {
            for lane in 0..<8 {
                let bit = lane &* width
                let word = UInt64(littleEndian: pointer.loadUnaligned(fromByteOffset: bit &>> 3, as: UInt64.self))
                output[index &+ lane] = Value(
                    truncatingIfNeeded: word &>> UInt64(truncatingIfNeeded: bit & 7) & mask)
            }
            pointer += width
            index &+= 8
        }
        return index
    }

    /// Returns the bits of one value of any width, and possibly more above them.
    @inline(__always)
    private static func wideBits(_ input: UnsafeRawPointer, shift: UInt64) -> UInt64 {
        let low = UInt64(littleEndian: input.loadUnaligned(as: UInt64.self)) &>> shift
        let ninth = UInt64(input.load(fromByteOffset: 8, as: UInt8.self))
        return shift == 0 ? low : low | ninth &<< (64 &- shift)
    }

    /// Returns the bits of one value, and possibly more above them, read byte by byte: near the end no 64-bit load fits.
    private static func lastBits(_ input: UnsafeRawPointer, at bit: Int, width: Int, available: Int) -> UInt64 {
        var word: UInt64 = 0
        var filled = -(bit & 7)
        var byte = bit >> 3
        while filled < width, byte < available {
            let next = UInt64(input.load(fromByteOffset: byte, as: UInt8.self))
            word |= filled < 0 ? next >> UInt64(-filled) : next << UInt64(filled)
            filled += 8
            byte += 1
        }
        return word
    }

    // MARK: - Packing

    /// Appends values, each of which must fit `width` bits, and zeros up to `paddedCount` values.
    @inline(__always)
    package static func pack<Value: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
        _ values: Span<Value>, _ range: Range<Int>, width: Int, paddedCount: Int, into bytes: inout [UInt8]
    ) {
        precondition((0...64).contains(width) && range.lowerBound >= 0 && range.upperBound <= values.count)
        precondition(paddedCount >= range.count)
        guard width > 0, !range.isEmpty else {
            bytes.append(contentsOf: repeatElement(0, count: byteCount(paddedCount, width: width)))
            return
        }
        // A store always writes 8 bytes, so the last one needs that much room after the packed bytes.
        let packed = byteCount(range.count, width: width)
        bytes.append(addingCapacity: packed + 8) { output in
            output.withUnsafeMutableBufferPointer { target, initialized in
                values.withUnsafeBufferPointer { source in
                    pack(
                        source.baseAddress! + range.lowerBound, count: range.count, width: width,
                        into: UnsafeMutableRawPointer(target.baseAddress! + initialized))
                }
                initialized += packed
            }
        }
        bytes.append(contentsOf: repeatElement(0, count: byteCount(paddedCount, width: width) - packed))
    }

    /// Collects bits in a word, which has fewer than 8 pending bits before each step, and stores the word after each.
    @inline(__always)
    private static func pack<Value: FixedWidthInteger & UnsignedInteger>(
        _ input: UnsafePointer<Value>, count: Int, width: Int, into output: UnsafeMutableRawPointer
    ) {
        var writer = BitWriter(pointer: output)
        let shift = UInt64(truncatingIfNeeded: width)
        var index = 0
        if width <= 14 {
            while index &+ 4 <= count {
                let low = UInt64(input[index]) | UInt64(input[index &+ 1]) &<< shift
                let high = UInt64(input[index &+ 2]) | UInt64(input[index &+ 3]) &<< shift
                writer.append(low | high &<< (2 &* shift), width: 4 &* shift)
                index &+= 4
            }
        } else if width <= 28 {
            while index &+ 2 <= count {
                writer.append(UInt64(input[index]) | UInt64(input[index &+ 1]) &<< shift, width: 2 &* shift)
                index &+= 2
            }
        }
        while index < count {
            let value = UInt64(input[index])
            if width <= 57 {
                writer.append(value, width: shift)
            } else {
                writer.append(value & 0xffff_ffff, width: 32)
                writer.append(value &>> 32, width: shift &- 32)
            }
            index &+= 1
        }
        writer.finish()
    }

    private struct BitWriter {
        var pointer: UnsafeMutableRawPointer
        var word: UInt64 = 0
        /// Pending bits in `word`: fewer than 8.
        var waiting: UInt64 = 0

        init(pointer: UnsafeMutableRawPointer) { self.pointer = pointer }

        /// Appends up to 57 bits.
        @inline(__always)
        mutating func append(_ value: UInt64, width: UInt64) {
            word |= value &<< waiting
            waiting &+= width
            pointer.storeBytes(of: word.littleEndian, as: UInt64.self)
            let whole = waiting & ~7
            pointer += Int(truncatingIfNeeded: waiting &>> 3)
            word = whole == 64 ? 0 : word &>> whole
            waiting &= 7
        }

        /// Stores the pending bits.
        @inline(__always)
        func finish() {
            if waiting > 0 { pointer.storeBytes(of: UInt8(truncatingIfNeeded: word), as: UInt8.self) }
        }
    }
}
