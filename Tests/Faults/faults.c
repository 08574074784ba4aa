// A file system that fails on demand, put under a program by LD_PRELOAD: it stops the world, or fails, at the n-th call that
// changes files below one folder. SQLite's calls come through here as ours do.
//
//   FAULT_DIR    absolute path of the folder
//   FAULT_AT     number of the call, from 1; 0 or absent: only count
//   FAULT_KIND   kill (default): the process ends before the call, as in a power cut that keeps what the kernel has;
//                tear: a write is cut in half, then the process ends; ENOSPC, EIO, EROFS, EACCES, EMFILE: the call fails with
//                that; ENOMEM: calls of mmap fail, and these alone; hold: calls wait while FAULT_WHILE is there
//   FAULT_LAST   "all": from that call on every one fails, as on a disk that stays full
//   FAULT_WHILE  path: calls count and fail only while there is a file of that name
//   FAULT_COUNT  file to which each call appends one line, "number name path"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { none, stop, tear, fail };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long calls;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int below(const char *path) {
    const char *folder = getenv("FAULT_DIR");
    return folder && path && strncmp(path, folder, strlen(folder)) == 0;
}

static int descriptor_path(int descriptor, char *path, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t count = readlink(link, path, size - 1);
    if (count < 0) return 0;
    path[count] = 0;
    return below(path);
}

static int number_of(const char *kind) {
    static const struct { const char *name; int number; } errors[] = {
        {"ENOSPC", ENOSPC}, {"EROFS", EROFS}, {"EACCES", EACCES}, {"EMFILE", EMFILE}, {"ENOMEM", ENOMEM}};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (strcmp(kind, errors[i].name) == 0) return errors[i].number;
    return EIO;
}

// Counts a call and says what is to become of it; sets errno for a failure.
static int pass(const char *name, const char *path) {
    const char *at = getenv("FAULT_AT"), *kind = getenv("FAULT_KIND"), *count = getenv("FAULT_COUNT"),
               *last = getenv("FAULT_LAST"), *while_there = getenv("FAULT_WHILE");
    if ((kind && strcmp(kind, "ENOMEM") == 0) != (strncmp(name, "mmap", 4) == 0)) return none;
    if (while_there && access(while_there, F_OK) != 0) return none;
    if (kind && strcmp(kind, "hold") == 0) {
        while (while_there && access(while_there, F_OK) == 0) usleep(10000);
        return none;
    }
    pthread_mutex_lock(&lock);
    long number = ++calls;
    pthread_mutex_unlock(&lock);
    if (count) {
        int file = REAL(open)(count, O_WRONLY | O_CREAT | O_APPEND, 0644);
        char line[4200];
        int size = snprintf(line, sizeof line, "%ld %s %s\n", number, name, path);
        if (file >= 0 && REAL(write)(file, line, size) < 0) abort();
        if (file >= 0) REAL(close)(file);
    }
    long wanted = at ? atol(at) : 0;
    if (wanted == 0 || (last ? number < wanted : number != wanted)) return none;
    if (!kind || strcmp(kind, "kill") == 0) _exit(137);
    if (strcmp(kind, "tear") == 0) return tear;
    errno = number_of(kind);
    return fail;
}

#define GUARD(name, path)                                 \
    switch (pass(name, path)) {                           \
    case fail: return -1;                                 \
    case tear: _exit(137);                                \
    default: break;                                       \
    }

static int opens(const char *name, const char *path, int flags) {
    if (!below(path) || !(flags & (O_CREAT | O_TRUNC))) return none;
    int verdict = pass(name, path);
    if (verdict == tear) _exit(137);
    return verdict;
}

#define OPEN(name)                                                \
    int name(const char *path, int flags, ...) {                  \
        va_list list;                                             \
        va_start(list, flags);                                    \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0; \
        va_end(list);                                             \
        if (opens(#name, path, flags) == fail) return -1;         \
        return REAL(name)(path, flags, mode);                     \
    }
OPEN(open)
OPEN(open64)

ssize_t write(int descriptor, const void *bytes, size_t count) {
    char path[4096];
    if (!descriptor_path(descriptor, path, sizeof path)) return REAL(write)(descriptor, bytes, count);
    switch (pass("write", path)) {
    case fail: return -1;
    case tear:
        if (REAL(write)(descriptor, bytes, count / 2) < 0) abort();
        _exit(137);
    default: return REAL(write)(descriptor, bytes, count);
    }
}

#define PWRITE(name, offset_type)                                                          \
    ssize_t name(int descriptor, const void *bytes, size_t count, offset_type offset) {    \
        char path[4096];                                                                   \
        if (!descriptor_path(descriptor, path, sizeof path)) return REAL(name)(descriptor, bytes, count, offset); \
        switch (pass(#name, path)) {                                                       \
        case fail: return -1;                                                              \
        case tear:                                                                         \
            if (REAL(name)(descriptor, bytes, count / 2, offset) < 0) abort();             \
            _exit(137);                                                                    \
        default: return REAL(name)(descriptor, bytes, count, offset);                      \
        }                                                                                  \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define ON_DESCRIPTOR(name)                                                       \
    int name(int descriptor) {                                                    \
        char path[4096];                                                          \
        if (descriptor_path(descriptor, path, sizeof path)) GUARD(#name, path)    \
        return REAL(name)(descriptor);                                            \
    }
ON_DESCRIPTOR(fsync)
ON_DESCRIPTOR(fdatasync)

#define TRUNCATE(name, offset_type)                                               \
    int name(int descriptor, offset_type length) {                                \
        char path[4096];                                                          \
        if (descriptor_path(descriptor, path, sizeof path)) GUARD(#name, path)    \
        return REAL(name)(descriptor, length);                                    \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

int rename(const char *path, const char *other) {
    if (below(other)) GUARD("rename", other)
    return REAL(rename)(path, other);
}

int link(const char *path, const char *other) {
    if (below(other)) GUARD("link", other)
    return REAL(link)(path, other);
}

int unlink(const char *path) {
    if (below(path)) GUARD("unlink", path)
    return REAL(unlink)(path);
}

int mkdir(const char *path, mode_t mode) {
    if (below(path)) GUARD("mkdir", path)
    return REAL(mkdir)(path, mode);
}

#define MMAP(name, offset_type)                                                                                      \
    void *name(void *address, size_t size, int protection, int flags, int descriptor, offset_type offset) {          \
        char path[4096];                                                                                             \
        if (descriptor >= 0 && descriptor_path(descriptor, path, sizeof path) && pass(#name, path) == fail) return MAP_FAILED; \
        return REAL(name)(address, size, protection, flags, descriptor, offset);                                     \
    }
MMAP(mmap, off_t)
MMAP(mmap64, off64_t)
