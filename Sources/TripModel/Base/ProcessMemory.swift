import CPlatform

/// The process's memory as the system sees it.
package enum ProcessMemory {
    /// Lets the allocator keep freed memory for reuse.
    ///
    /// A job frees and allocates hundreds of megabytes each second; from the system every page of them costs a fault. Call it
    /// at the start of a program, before there are threads.
    package static func keepFreed() { tripstore_keep_free_memory() }

    /// Returns free memory of the allocator to the system.
    package static func release() { tripstore_release_free_memory() }
}
