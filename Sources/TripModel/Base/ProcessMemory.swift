import CPlatform

/// The process's memory as the system sees it.
package enum ProcessMemory {
    /// Lets the allocator keep what is freed for the next who asks.
    ///
    /// A load frees and takes hundreds of megabytes each second; from the system every page of them costs a fault. For the
    /// start of a program, before there are threads.
    package static func keepFreed() { tripstore_keep_free_memory() }

    /// Gives memory that is free in the allocator back to the system.
    package static func release() { tripstore_release_free_memory() }
}
