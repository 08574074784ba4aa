#pragma once
#include <xxhash.h>

/// Uses vectors of 32 or 64 bytes if processor and library have them; not every build of the library exports it.
__attribute__((weak)) XXH_errorcode XXH3_128bits_update_dispatch(XXH3_state_t *state, const void *input, size_t length);

/// `XXH3_128bits_update` in its fastest form.
static inline XXH_errorcode tripstore_xxh3_update(XXH3_state_t *state, const void *input, size_t length) {
    return XXH3_128bits_update_dispatch ? XXH3_128bits_update_dispatch(state, input, length)
                                        : XXH3_128bits_update(state, input, length);
}
