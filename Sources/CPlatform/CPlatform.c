// What the C library offers on some platforms only, each with a path that does nothing elsewhere.
#define _GNU_SOURCE
#include "CPlatform.h"

#include <fcntl.h>
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

void tripstore_release_free_memory(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

void tripstore_start_writeback(int descriptor, int64_t offset, int64_t byte_count) {
#ifdef SYNC_FILE_RANGE_WRITE
    sync_file_range(descriptor, offset, byte_count, SYNC_FILE_RANGE_WRITE);
#else
    (void)descriptor, (void)offset, (void)byte_count;
#endif
}
