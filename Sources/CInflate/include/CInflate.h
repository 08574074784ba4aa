// Decompression of gzip members: by ISA-L, where the library is found, else by zlib.
//
// ISA-L's inflate (https://github.com/intel/isa-l) takes less than half of zlib's time and has the same result. It is loaded when it is
// first needed, like libcurl, since Debian does not have it on every architecture; zlib is linked.
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct gzip_inflater gzip_inflater;

enum gzip_status {
    /// More input, or more room for output, is needed.
    GZIP_MORE = 0,
    /// The member has ended, and its length and checksum are right.
    GZIP_MEMBER_END = 1,
    /// The bytes are not a gzip member, or are damaged.
    GZIP_DAMAGED = -1,
};

/// Whether ISA-L was found.
int gzip_has_isal(void);

/// Makes an inflater at the beginning of a member. NULL: no memory.
///
/// @param with_isal 0: zlib, even if ISA-L was found.
gzip_inflater *gzip_inflater_make(int with_isal);
void gzip_inflater_free(gzip_inflater *inflater);

/// Starts with another member.
void gzip_inflater_reset(gzip_inflater *inflater);

/// Decompresses from `input` to `output`, and sets how many bytes of each were used; each has less than 2 GiB.
enum gzip_status gzip_inflate(
    gzip_inflater *inflater, const uint8_t *input, size_t input_count, uint8_t *output, size_t output_count, size_t *consumed,
    size_t *produced);
