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

#if HAS_ISAL

// Where the next byte of a member's header belongs (https://www.rfc-editor.org/rfc/rfc1952#section-2.3).
//
// ISA-L can parse the header too, but not one that is split between two inputs: its flags are forgotten then (2.30).
enum phase { FIXED, EXTRA_LENGTH, EXTRA, NAME, COMMENT, CHECKSUM, BODY };
enum flag { HAS_CHECKSUM = 2, HAS_EXTRA = 4, HAS_NAME = 8, HAS_COMMENT = 16, RESERVED = 0xE0 };

struct header {
    enum phase phase;
    uint8_t flags;
    /// Bytes of the phase that were read, and a number of two bytes that they make.
    uint32_t count, number;
    /// CRC-32 of the header so far.
    uLong crc;
};

#endif

struct gzip_inflater {
#if HAS_ISAL
    struct inflate_state *isal;
    struct header header;
#endif
    z_stream zlib;
};

#if HAS_ISAL

static void begin(struct header *header, enum phase phase) {
    header->phase = phase;
    header->count = header->number = 0;
}

/// Goes on to the next phase that the header has, from one that is over.
static void skip_absent(struct header *header) {
    if (header->phase == EXTRA_LENGTH && !(header->flags & HAS_EXTRA)) begin(header, NAME);
    if (header->phase == NAME && !(header->flags & HAS_NAME)) begin(header, COMMENT);
    if (header->phase == COMMENT && !(header->flags & HAS_COMMENT)) begin(header, CHECKSUM);
    if (header->phase == CHECKSUM && !(header->flags & HAS_CHECKSUM)) begin(header, BODY);
}

/// Reads a byte of the header; returns whether it may be there.
static int read_header(struct header *header, uint8_t byte) {
    static const uint8_t beginning[3] = {0x1F, 0x8B, 8};
    uint32_t index = header->count++;
    if (header->phase != CHECKSUM) header->crc = crc32(header->crc, &byte, 1);
    if (header->phase == EXTRA_LENGTH || header->phase == CHECKSUM) header->number |= (uint32_t)byte << (8 * index);
    switch (header->phase) {
    case FIXED:
        if (index < 3 && byte != beginning[index]) return 0;
        if (index == 3) header->flags = byte;
        if (header->flags & RESERVED) return 0;
        if (header->count == 10) begin(header, EXTRA_LENGTH);
        break;
    case EXTRA_LENGTH:
        if (header->count == 2) {
            uint32_t length = header->number;
            begin(header, length == 0 ? NAME : EXTRA);
            header->number = length;
        }
        break;
    case EXTRA:
        if (header->count == header->number) begin(header, NAME);
        break;
    case NAME:
        if (byte == 0) begin(header, COMMENT);
        break;
    case COMMENT:
        if (byte == 0) begin(header, CHECKSUM);
        break;
    case CHECKSUM:
        if (header->count == 2) {
            if (header->number != (header->crc & 0xFFFF)) return 0;
            begin(header, BODY);
        }
        break;
    case BODY: break;
    }
    // A phase that has begun may be absent.
    if (header->count == 0) skip_absent(header);
    return 1;
}

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
    gzip_inflater *inflater, const uint8_t *input, size_t input_count, uint8_t *output, size_t output_count, size_t *consumed,
    size_t *produced) {
    struct inflate_state *state = inflater->isal;
    size_t start = 0;
    while (start < input_count && inflater->header.phase != BODY) {
        if (!read_header(&inflater->header, input[start++])) return GZIP_DAMAGED;
    }
    if (inflater->header.phase != BODY) {
        *consumed = start;
        *produced = 0;
        return GZIP_MORE;
    }
    state->next_in = (uint8_t *)input + start;
    state->avail_in = (uint32_t)(input_count - start);
    state->next_out = output;
    state->avail_out = (uint32_t)output_count;
    int status = library.inflate(state);
    *consumed = input_count - state->avail_in;
    *produced = output_count - state->avail_out;
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
        gzip_inflater_reset(inflater);
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
        // The body and what follows it: length and checksum are compared.
        inflater->isal->crc_flag = ISAL_GZIP_NO_HDR_VER;
        inflater->header = (struct header){.phase = FIXED, .crc = crc32(0, NULL, 0)};
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
        return inflate_isal(inflater, input, input_count, output, output_count, consumed, produced);
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
