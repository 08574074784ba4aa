// Functions of the C library on some platforms only, each with a path that does nothing elsewhere.
#define _GNU_SOURCE
#include "CPlatform.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

void tripstore_keep_free_memory(void) {
#ifdef __GLIBC__
    // Large blocks come from one heap like small ones, instead of a mapping each whose page faults every further block pays
    // again. One heap, because those of threads are too small for large blocks.
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
#endif
}

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

int tripstore_exchange(const char *path, const char *other) {
#ifdef SYS_renameat2
    // RENAME_EXCHANGE, which the headers of some C libraries lack.
    return (int)syscall(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, other, 2u);
#else
    (void)path, (void)other;
    errno = ENOSYS;
    return -1;
#endif
}

#ifdef F_OFD_SETLK
static struct flock whole_file(short type) {
    struct flock range = {.l_type = type, .l_whence = SEEK_SET};
    return range;
}
#endif

int tripstore_lock_file(int descriptor) {
#ifdef F_OFD_SETLK
    struct flock range = whole_file(F_WRLCK);
    return fcntl(descriptor, F_OFD_SETLK, &range);
#else
    (void)descriptor;
    return 0;
#endif
}

int tripstore_is_file_locked(int descriptor) {
#ifdef F_OFD_GETLK
    struct flock range = whole_file(F_RDLCK);
    return fcntl(descriptor, F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
#else
    (void)descriptor;
    return 1;
#endif
}
