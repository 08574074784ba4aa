/// Equal parts of a day, counted from local midnight: the time part of a trip group.
@frozen
public struct TimeBucket: Hashable, Sendable {
    /// Length of a bucket, a divisor of 1440.
    public let minutes: Int
    /// Length of a bucket in microseconds, stored because loops divide by it.
    @usableFromInline let microseconds: Int64

    /// Makes buckets of a length; nil if it does not divide a day.
    @inlinable
    public init?(minutes: Int) {
        guard minutes >= 1, minutes <= 1440, 1440 % minutes == 0 else { return nil }
        self.minutes = minutes
        microseconds = Int64(minutes) * LocalDateTime.microsecondsPerMinute
    }

    /// Count of buckets in a day.
    @inlinable
    public var countPerDay: Int { 1440 / minutes }

    /// Returns the bucket of the day that a time falls into, from 0.
    @inlinable @inline(__always)
    public func indexOfDay(microseconds time: Int64) -> Int32 {
        // Minutes first: the division by a constant is a multiplication, and the one by a variable needs only 32 bits.
        let minute = UInt32(truncatingIfNeeded: LocalDateTime.timeOfDay(of: time) / LocalDateTime.microsecondsPerMinute)
        return Int32(truncatingIfNeeded: minute / UInt32(truncatingIfNeeded: minutes))
    }

    /// Returns the start of the absolute bucket that a time falls into, in microseconds since 1970.
    @inlinable @inline(__always)
    public func start(microseconds time: Int64) -> Int64 {
        time &- LocalDateTime.timeOfDay(of: time) % microseconds
    }

    /// Returns the start of a bucket of the day as text, such as `08:00:00`.
    public func text(indexOfDay index: Int32) -> String {
        var bytes: [UInt8] = []
        LocalDateTime.appendTimeOfDay(Int64(index) * microseconds, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
