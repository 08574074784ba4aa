/// Which jobs of a catalog that several processes share one of them works on.
public enum ProcessRole: String, CaseIterable, Sendable {
    /// Takes jobs in and works on none.
    case api
    /// Works on jobs and takes none in.
    case worker
    case both
    /// Works on those that it takes in itself, as a command line does.
    case own
}
