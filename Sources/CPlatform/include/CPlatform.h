#pragma once
#include <stdint.h>

/// Gives memory that is free in the allocator back to the system, where the C library can.
void tripstore_release_free_memory(void);

/// Lets the kernel begin to write a range of a file to disk, where it can be asked to; a hint, of which nothing is reported.
void tripstore_start_writeback(int descriptor, int64_t offset, int64_t byte_count);
