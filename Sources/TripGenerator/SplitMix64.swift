/// A small random number generator; every trip has its own, so that any trip can be generated without those before it.
///
/// https://prng.di.unimi.it/splitmix64.c. The standard library's `random(in:)` isn't used on top of it, as its results may
/// change with the toolchain.
struct SplitMix64 {
    private var state: UInt64

    /// Makes the generator of one trip of one file.
    init(seed: UInt64, row: Int) {
        state = Self.mix(Self.mix(seed &+ Self.increment) &+ UInt64(truncatingIfNeeded: row) &* 0xd1b5_4a32_d192_ed03)
    }

    /// Returns the next 64 bits.
    mutating func next() -> UInt64 {
        state &+= Self.increment
        return Self.mix(state)
    }

    /// Returns an integer below the bound, which is small compared with 2^32.
    mutating func next(below bound: UInt32) -> UInt32 {
        UInt32(truncatingIfNeeded: ((next() >> 32) &* UInt64(bound)) >> 32)
    }

    private static let increment: UInt64 = 0x9e37_79b9_7f4a_7c15

    private static func mix(_ value: UInt64) -> UInt64 {
        var bits = value
        bits = (bits ^ bits >> 30) &* 0xbf58_476d_1ce4_e5b9
        bits = (bits ^ bits >> 27) &* 0x94d0_49bb_1331_11eb
        return bits ^ bits >> 31
    }
}
