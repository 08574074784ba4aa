#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// How many files and connections the system allows this process to have open at a time.
enum OpenFiles {
    /// The current limit: an administrator may change it at any moment (`prlimit`).
    static var limit: Int { Int(clamping: current().rlim_cur) }

    /// Raises the limit as far as a process may by itself, and returns it.
    ///
    /// Services start with 1,024 for the sake of programs that use `select`, which this one does not.
    static func raiseLimit() -> Int {
        var limit = current()
        limit.rlim_cur = limit.rlim_max
        // If that is refused, the limit stays as it is.
        _ = setrlimit(resource, &limit)
        return Self.limit
    }

    #if canImport(Glibc)
    private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #else
    private static let resource = RLIMIT_NOFILE
    #endif

    private static func current() -> rlimit {
        var limit = rlimit()
        _ = getrlimit(resource, &limit)
        return limit
    }
}
