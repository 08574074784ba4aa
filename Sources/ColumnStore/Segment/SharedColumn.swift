/// The values of a new array, for workers that fill it at the same time, each a range of its own.
///
/// Unsafe code: the caller must ensure that ranges do not overlap and that all of them are filled.
struct SharedColumn<Value: BitwiseCopyable>: @unchecked Sendable {
    private let values: UnsafeMutableBufferPointer<Value>

    /// Makes an array of `count` values and lets `fill` write every one of them.
    static func array<Result>(
        count: Int, _ fill: (SharedColumn) throws -> Result
    ) rethrows -> (values: [Value], result: Result) {
        var result: Result?
        let values = try [Value](unsafeUninitializedCapacity: count) { buffer, initializedCount in
            result = try fill(SharedColumn(values: UnsafeMutableBufferPointer(rebasing: buffer[..<count])))
            initializedCount = count
        }
        return (values, result!)
    }

    /// Lets `body` write some of the values.
    func mutate(_ range: Range<Int>, _ body: (inout MutableSpan<Value>) -> Void) {
        let slice = UnsafeMutableBufferPointer(rebasing: values[range])
        var span = MutableSpan(_unsafeElements: slice)
        body(&span)
    }
}
