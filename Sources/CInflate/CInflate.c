#include "CInflate.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <zlib.h>

#if __has_include(<isa-l/igzip_lib.h>)
#define HAS_ISAL 1
#include <isa-l/igzip_lib.h>
#else
#define HAS_ISAL 0
#endif

struct gzip_inflater {
#if HAS_ISAL
    struct inflate_state *isal;
#endif
    z_stream zlib;
};

#if HAS_ISAL

static struct {
    void (*init)(struct inflate_state *state);
    void (*reset)(struct inflate_state *state);
    int (*inflate)(struct inflate_state *state);
} library;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int is_loaded = 0;

static void load(void) {
    // The header is that of version 2; the layout of `inflate_state` belongs to the library's major version.
    void *handle = dlopen("libisal.so.2", RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) return;
    library.init = (void (*)(struct inflate_state *))dlsym(handle, "isal_inflate_init");
    library.reset = (void (*)(struct inflate_state *))dlsym(handle, "isal_inflate_reset");
    library.inflate = (int (*)(struct inflate_state *))dlsym(handle, "isal_inflate");
    is_loaded = library.init != NULL && library.reset != NULL && library.inflate != NULL;
}

int gzip_has_isal(void) {
    pthread_once(&once, load);
    return is_loaded;
}

static enum gzip_status inflate_isal(
    struct inflate_state *state, const uint8_t *input, size_t input_count, uint8_t *output, size_t output_count,
    size_t *consumed, size_t *produced) {
    state->next_in = (uint8_t *)input;
    state->avail_in = (uint32_t)input_count;
    state->next_out = output;
    state->avail_out = (uint32_t)output_count;
    int status = library.inflate(state);
    *consumed = input_count - state->avail_in;
    *produced = output_count - state->avail_out;
    // The next two are no errors: a member's header may be cut by the end of the input.
    if (status != ISAL_DECOMP_OK && status != ISAL_END_INPUT && status != ISAL_OUT_OVERFLOW) return GZIP_DAMAGED;
    return state->block_state == ISAL_BLOCK_FINISH ? GZIP_MEMBER_END : GZIP_MORE;
}

#else

int gzip_has_isal(void) { return 0; }

#endif

gzip_inflater *gzip_inflater_make(int with_isal) {
    gzip_inflater *inflater = calloc(1, sizeof *inflater);
    if (inflater == NULL) return NULL;
#if HAS_ISAL
    if (with_isal && gzip_has_isal()) {
        inflater->isal = calloc(1, sizeof *inflater->isal);
        if (inflater->isal == NULL) {
            free(inflater);
            return NULL;
        }
        library.init(inflater->isal);
        inflater->isal->crc_flag = ISAL_GZIP;
        return inflater;
    }
#endif
    // 15 + 16: the largest window, and a gzip header.
    if (inflateInit2(&inflater->zlib, 31) != Z_OK) {
        free(inflater);
        return NULL;
    }
    return inflater;
}

void gzip_inflater_free(gzip_inflater *inflater) {
    if (inflater == NULL) return;
#if HAS_ISAL
    if (inflater->isal != NULL) {
        free(inflater->isal);
        free(inflater);
        return;
    }
#endif
    inflateEnd(&inflater->zlib);
    free(inflater);
}

void gzip_inflater_reset(gzip_inflater *inflater) {
#if HAS_ISAL
    if (inflater->isal != NULL) {
        library.reset(inflater->isal);
        inflater->isal->crc_flag = ISAL_GZIP;
        return;
    }
#endif
    inflateReset(&inflater->zlib);
}

enum gzip_status gzip_inflate(
    gzip_inflater *inflater, const uint8_t *input, size_t input_count, uint8_t *output, size_t output_count, size_t *consumed,
    size_t *produced) {
#if HAS_ISAL
    if (inflater->isal != NULL) {
        return inflate_isal(inflater->isal, input, input_count, output, output_count, consumed, produced);
    }
#endif
    z_stream *zlib = &inflater->zlib;
    zlib->next_in = (Bytef *)input;
    zlib->avail_in = (uInt)input_count;
    zlib->next_out = output;
    zlib->avail_out = (uInt)output_count;
    int status = inflate(zlib, Z_NO_FLUSH);
    *consumed = input_count - zlib->avail_in;
    *produced = output_count - zlib->avail_out;
    if (status == Z_STREAM_END) return GZIP_MEMBER_END;
    return status == Z_OK || status == Z_BUF_ERROR ? GZIP_MORE : GZIP_DAMAGED;
}
