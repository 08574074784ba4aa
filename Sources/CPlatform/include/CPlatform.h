#pragma once
#include <stddef.h>
#include <stdint.h>

/// Lets the allocator keep what is freed for the next who asks, until `tripstore_release_free_memory`, where the C library can.
///
/// For the start of a program, before there are threads.
void tripstore_keep_free_memory(void);

/// Gives memory that is free in the allocator back to the system, where the C library can.
void tripstore_release_free_memory(void);

/// Lets the kernel begin to write a range of a file to disk, where it can be asked to; a hint, of which nothing is reported.
void tripstore_start_writeback(int descriptor, int64_t offset, int64_t byte_count);

/// Exchanges the names of two files or folders in one step, where the system and the file system can; else -1, and errno says why.
int tripstore_exchange(const char *path, const char *other);

/// Locks a whole file for this open file description, without waiting; else -1, and errno says why. Where the system has no such
/// locks, 0 and nothing is locked.
int tripstore_lock_file(int descriptor);

/// Whether another open file description has locked the file with `tripstore_lock_file`; nothing is locked to find out.
int tripstore_is_file_locked(int descriptor);

/// Asks for the cache line of an address; does nothing else, whatever the address.
static inline void tripstore_prefetch(const void *address) { __builtin_prefetch(address); }

/// A range of mapped memory whose file may shrink under it.
typedef struct tripstore_range tripstore_range;

/// Keeps the process alive where the file of a mapped range shrinks: what is gone reads as zeros from then on, and the range is
/// damaged for good. Null where there is no memory.
tripstore_range *tripstore_watch_range(const void *start, size_t byte_count);

/// Lets a range go; to be called before it is unmapped.
void tripstore_forget_range(tripstore_range *range);

/// Whether what was read from a range may be zeros that the file never had; to be asked after it was read.
int tripstore_is_damaged(const tripstore_range *range);

/// Makes a range damaged for another reason than a fault.
void tripstore_mark_damaged(tripstore_range *range);
