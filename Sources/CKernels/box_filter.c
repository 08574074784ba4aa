// Finds the rows of a leaf that are in a box: sixteen at once with SSE2, which every x86-64 has, otherwise one after the other. And
// counts them in each run, with an instruction that counts bits if the processor has it.
#include "box_filter.h"
#include "cpu.h"

INLINE uint64_t is_between(uint8_t value, uint8_t first, uint8_t last) { return (value >= first) & (value <= last); }

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

#if CPU_HAS_KERNELS

// The lanes with first <= value <= last, as bits. Bytes have no unsigned comparison, so the larger of two is compared with one.
INLINE unsigned between(__m128i values, uint8_t first, uint8_t last) {
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

INLINE void count_runs(
    const uint64_t *bits, const uint32_t *starts, const uint32_t *ends, size_t run_count, ptrdiff_t *counts
) {
    size_t place = 0;
    for (size_t run = 0; run < run_count; run += 1) {
        size_t rest = ends[run] - starts[run];
        ptrdiff_t count = 0;
        while (rest > 0) {
            size_t offset = place % 64, taken = rest < 64 - offset ? rest : 64 - offset;
            count += __builtin_popcountll(bits[place / 64] >> offset << (64 - taken));
            place += taken;
            rest -= taken;
        }
        counts[run] += count;
    }
}

void tripstore_count_runs_portable(
    const uint64_t *bits, const uint32_t *starts, const uint32_t *ends, size_t run_count, ptrdiff_t *counts
) {
    count_runs(bits, starts, ends, run_count, counts);
}

#if CPU_HAS_KERNELS

CPU_TARGET(CPU_POPCNT) static void count_runs_popcnt(
    const uint64_t *bits, const uint32_t *starts, const uint32_t *ends, size_t run_count, ptrdiff_t *counts
) {
    count_runs(bits, starts, ends, run_count, counts);
}

void tripstore_count_runs(
    const uint64_t *bits, const uint32_t *starts, const uint32_t *ends, size_t run_count, ptrdiff_t *counts
) {
    if (CPU_RUNS(CPU_POPCNT)) {
        count_runs_popcnt(bits, starts, ends, run_count, counts);
    } else {
        count_runs(bits, starts, ends, run_count, counts);
    }
}

#else

void tripstore_count_runs(
    const uint64_t *bits, const uint32_t *starts, const uint32_t *ends, size_t run_count, ptrdiff_t *counts
) {
    count_runs(bits, starts, ends, run_count, counts);
}

#endif
