/// Which jobs of a shared catalog a process works on.
public enum ProcessRole: String, CaseIterable, Sendable {
    /// Accepts jobs and works on none.
    case api
    /// Works on jobs and accepts none.
    case worker
    case both
    /// Works on those that it accepts itself, as a command line does.
    case own
}
