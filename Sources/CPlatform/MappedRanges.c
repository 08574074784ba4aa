// Files that shrink while they are mapped: without this file, reading missing bytes ends the process (SIGBUS).
//
// Code that maps a file registers its range. A fault inside one replaces the file's pages by zeros and marks the range; the
// reader continues, and checks the mark before it uses what it read. LMDB and the JVM have the two alternatives: the process
// ends, or every read is a system call.
#define _GNU_SOURCE
#include "CPlatform.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct tripstore_range {
    // Odd while the range changes, so that the handler does not mix halves of two ranges.
    atomic_uint_fast64_t version;
    atomic_uintptr_t start, end;
    atomic_int is_damaged;
    // Ranges are never freed but reused, as the handler may read any of them at any time.
    struct tripstore_range *next, *next_free;
};

static _Atomic(struct tripstore_range *) all;
static struct tripstore_range *unused;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction previous;

// Async-signal-safe: only atomics and system calls.
static int replace_with_zeros(uintptr_t address) {
    for (struct tripstore_range *range = atomic_load(&all); range; range = range->next) {
        uint_fast64_t version = atomic_load(&range->version);
        uintptr_t start = atomic_load(&range->start), end = atomic_load(&range->end);
        if (version % 2 != 0 || address < start || address >= end || atomic_load(&range->version) != version) continue;
        // The mark comes first, so that a reader of a zero finds it. The range is not unmapped meanwhile, as it is being read.
        atomic_store(&range->is_damaged, 1);
        void *zeros = mmap((void *)start, end - start, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
        return zeros != MAP_FAILED;
    }
    return 0;
}

static void handle(int signal_number, siginfo_t *info, void *context) {
    int saved = errno;
    // A signal that a process sent has no address.
    int is_fault = info->si_code > 0;
    int is_ours = is_fault && replace_with_zeros((uintptr_t)info->si_addr);
    errno = saved;
    if (is_ours) return;
    if (previous.sa_flags & SA_SIGINFO) return previous.sa_sigaction(signal_number, info, context);
    if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) return previous.sa_handler(signal_number);
    if (!is_fault && previous.sa_handler == SIG_IGN) return;
    // A fault recurs when this returns; a signal that was sent does not.
    signal(signal_number, SIG_DFL);
    if (!is_fault) raise(signal_number);
}

static void install(void) {
    struct sigaction action = {0};
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &previous);
}

tripstore_range *tripstore_watch_range(const void *start, size_t byte_count) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
    pthread_mutex_lock(&lock);
    tripstore_range *range = unused;
    if (range) {
        unused = range->next_free;
    } else if ((range = calloc(1, sizeof *range))) {
        range->next = atomic_load(&all);
        atomic_store(&all, range);
    }
    if (range) {
        atomic_fetch_add(&range->version, 1);
        atomic_store(&range->is_damaged, 0);
        atomic_store(&range->start, (uintptr_t)start);
        // Up to the end of the last page, as kernels that compare many bytes at once read a little further than the file.
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        atomic_store(&range->end, (uintptr_t)start + (byte_count + page - 1) / page * page);
        atomic_fetch_add(&range->version, 1);
    }
    pthread_mutex_unlock(&lock);
    return range;
}

void tripstore_forget_range(tripstore_range *range) {
    pthread_mutex_lock(&lock);
    atomic_fetch_add(&range->version, 1);
    atomic_store(&range->start, 0);
    atomic_store(&range->end, 0);
    atomic_fetch_add(&range->version, 1);
    range->next_free = unused;
    unused = range;
    pthread_mutex_unlock(&lock);
}

int tripstore_is_damaged(const tripstore_range *range) { return atomic_load_explicit(&range->is_damaged, memory_order_acquire); }

void tripstore_mark_damaged(tripstore_range *range) { atomic_store(&range->is_damaged, 1); }
