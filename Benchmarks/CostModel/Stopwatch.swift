import Foundation

/// Times work: the median of some runs, in nanoseconds a row.
///
/// Processor time, since that is what a stage has of a machine where others work too; the clock on the wall is for the disk.
struct Stopwatch {
    let rowCount: Int
    let repeatCount: Int

    /// Runs `body` some times and returns the median of its processor times.
    func nanoseconds(_ body: () throws -> Void) rethrows -> Double { try times(body).processor }

    /// The same for work whose preparation is not to be timed.
    func nanoseconds<Prepared>(
        preparing prepare: () throws -> Prepared, _ body: (inout Prepared) throws -> Void
    ) rethrows -> Double { try times(preparing: prepare, body).processor }

    /// The same by both clocks.
    func times(_ body: () throws -> Void) rethrows -> Times { try times(preparing: {}) { _ in try body() } }

    /// A row's time by both clocks, in nanoseconds.
    struct Times {
        let processor: Double
        /// The part of it that the kernel has: system calls and page faults.
        let kernel: Double
        let wall: Double
    }

    private func times<Prepared>(
        preparing prepare: () throws -> Prepared, _ body: (inout Prepared) throws -> Void
    ) rethrows -> Times {
        var (processor, kernel, wall): ([Double], [Double], [Double]) = ([], [], [])
        for _ in 0..<repeatCount {
            var prepared = try prepare()
            let (processorStart, kernelStart) = (now(CLOCK_PROCESS_CPUTIME_ID), kernelTime())
            let wallStart = now(CLOCK_MONOTONIC)
            try body(&prepared)
            processor.append(now(CLOCK_PROCESS_CPUTIME_ID) - processorStart)
            kernel.append(kernelTime() - kernelStart)
            wall.append(now(CLOCK_MONOTONIC) - wallStart)
        }
        return Times(processor: perRow(processor), kernel: perRow(kernel), wall: perRow(wall))
    }

    private func now(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }

    private func kernelTime() -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return Double(usage.ru_stime.tv_sec) * 1e9 + Double(usage.ru_stime.tv_usec) * 1e3
    }

    /// The median, divided by rows.
    private func perRow(_ times: [Double]) -> Double {
        let sorted = times.sorted()
        let middle = sorted.count / 2
        let median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
        return median / Double(rowCount)
    }
}

/// Takes a value so that the compiler can't leave out the work that made it.
@_optimize(none)
func keep<Value>(_ value: Value) {}
