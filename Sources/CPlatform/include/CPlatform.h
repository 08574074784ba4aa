#pragma once
#include <stddef.h>
#include <stdint.h>

/// Lets the allocator keep freed memory for reuse, until `tripstore_release_free_memory`, if the C library can.
///
/// Call it at the start of a program, before there are threads.
void tripstore_keep_free_memory(void);

/// Returns free memory of the allocator to the system, if the C library can.
void tripstore_release_free_memory(void);

/// Lets the kernel start writing a range of a file to disk, if it can; a hint, without a result.
void tripstore_start_writeback(int descriptor, int64_t offset, int64_t byte_count);

/// Exchanges the names of two files or folders in one step, if the system and the file system can; else returns -1 and sets errno.
int tripstore_exchange(const char *path, const char *other);

/// Locks a whole file for this open file description, without waiting; else returns -1 and sets errno. If the system has no such
/// locks, it returns 0 and locks nothing.
int tripstore_lock_file(int descriptor);

/// Returns whether another open file description has locked the file with `tripstore_lock_file`, without locking it.
int tripstore_is_file_locked(int descriptor);

/// Prefetches the cache line of an address; does nothing else, whatever the address.
static inline void tripstore_prefetch(const void *address) { __builtin_prefetch(address); }

/// A range of mapped memory whose file may shrink meanwhile.
typedef struct tripstore_range tripstore_range;

/// Keeps the process alive if the file of a mapped range shrinks: missing bytes read as zeros from then on, and the range is
/// damaged for good. Returns null if there is no memory.
tripstore_range *tripstore_watch_range(const void *start, size_t byte_count);

/// Releases a range; call it before the range is unmapped.
void tripstore_forget_range(tripstore_range *range);

/// Returns whether bytes read from a range may be zeros that the file never had; call it after reading.
int tripstore_is_damaged(const tripstore_range *range);

/// Marks a range as damaged for a reason other than a fault.
void tripstore_mark_damaged(tripstore_range *range);
