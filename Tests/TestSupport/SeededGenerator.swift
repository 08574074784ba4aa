/// A random number generator that repeats itself for the same seed, so that a failing property test can be run again.
///
/// SplitMix64: https://prng.di.unimi.it/splitmix64.c. The standard library's algorithms on top of it (`random(in:using:)`,
/// `shuffled(using:)`) may change with the toolchain; print the seed and the failing values.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// Makes a generator whose sequence depends on the seed alone.
    package init(seed: UInt64) { state = seed }

    /// Returns the next 64 bits.
    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var bits = state
        bits = (bits ^ bits >> 30) &* 0xbf58_476d_1ce4_e5b9
        bits = (bits ^ bits >> 27) &* 0x94d0_49bb_1331_11eb
        return bits ^ bits >> 31
    }
}
