// Which rows of a leaf are in a box: sixteen at once with SSE2, which every x86-64 has, else one after the other.
#include "CLeaves.h"

static inline uint64_t is_between(uint8_t value, uint8_t first, uint8_t last) { return (value >= first) & (value <= last); }

void tripstore_rows_in_box_portable(
    const uint8_t *longitude, const uint8_t *latitude, tripstore_axis longitudes, tripstore_axis latitudes, uint64_t *inside,
    uint64_t *touched
) {
    uint64_t in = 0, at = 0;
    for (int row = 0; row < 64; row += 1) {
        uint8_t x = longitude[row], y = latitude[row];
        in |= (is_between(x, longitudes.first_inside, longitudes.last_inside)
               & is_between(y, latitudes.first_inside, latitudes.last_inside)) << row;
        at |= (is_between(x, longitudes.first_touched, longitudes.last_touched)
               & is_between(y, latitudes.first_touched, latitudes.last_touched)) << row;
    }
    *inside = in;
    *touched = at;
}

#if defined(__SSE2__)
#include <emmintrin.h>

// The lanes with first <= value <= last, as bits. Bytes have no unsigned comparison, so the larger of two is compared with one.
static inline unsigned between(__m128i values, uint8_t first, uint8_t last) {
    __m128i low = _mm_set1_epi8((char)first), high = _mm_set1_epi8((char)last);
    __m128i above = _mm_cmpeq_epi8(_mm_max_epu8(values, low), values);
    __m128i below = _mm_cmpeq_epi8(_mm_min_epu8(values, high), values);
    return (unsigned)_mm_movemask_epi8(_mm_and_si128(above, below));
}

void tripstore_rows_in_box(
    const uint8_t *longitude, const uint8_t *latitude, tripstore_axis longitudes, tripstore_axis latitudes, uint64_t *inside,
    uint64_t *touched
) {
    uint64_t in = 0, at = 0;
    for (int first = 0; first < 64; first += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(longitude + first));
        __m128i y = _mm_loadu_si128((const __m128i *)(latitude + first));
        in |= (uint64_t)(between(x, longitudes.first_inside, longitudes.last_inside)
                         & between(y, latitudes.first_inside, latitudes.last_inside)) << first;
        at |= (uint64_t)(between(x, longitudes.first_touched, longitudes.last_touched)
                         & between(y, latitudes.first_touched, latitudes.last_touched)) << first;
    }
    *inside = in;
    *touched = at;
}

#else

void tripstore_rows_in_box(
    const uint8_t *longitude, const uint8_t *latitude, tripstore_axis longitudes, tripstore_axis latitudes, uint64_t *inside,
    uint64_t *touched
) {
    tripstore_rows_in_box_portable(longitude, latitude, longitudes, latitudes, inside, touched);
}

#endif
