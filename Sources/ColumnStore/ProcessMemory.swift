import CPlatform

/// The process's memory as the system sees it.
enum ProcessMemory {
    /// Gives memory that is free in the allocator back to the system.
    static func release() { tripstore_release_free_memory() }
}
