// Sort keys of eight rows at once.
//
// Swift can't emit instructions that only some machines have, so these loops are in C; without them, `MortonKey` and `ISOWeek`
// compute one key after another. Both give the same bits: the steps are the same, in the same order, and none is fused.
#include "sort_keys.h"
#include "cpu.h"

#if CPU_HAS_KERNELS
#define TARGET CPU_TARGET(CPU_KEYS)

bool tripstore_keys_supported(void) { return CPU_RUNS(CPU_KEYS); }

// The first `count` of eight lanes.
INLINE TARGET __mmask8 lanes(size_t count) { return (__mmask8)(count < 8 ? (1u << count) - 1 : 0xff); }

// The offsets of eight values that are `stride` bytes apart.
INLINE TARGET __m512i places(size_t stride) {
    return _mm512_mullo_epi64(_mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0), _mm512_set1_epi64((long long)stride));
}

// As in `MortonKey.quantize`, which explains it.
INLINE TARGET __m512i quantized(__m512d degrees, double end, double cells_per_degree, double step) {
    const __m512d shift = _mm512_set1_pd(0x1.8p52);
    // If a value is NaN, these return their second operand.
    __m512d value = _mm512_max_pd(_mm512_min_pd(degrees, _mm512_set1_pd(end)), _mm512_set1_pd(-end));
    __m512d scaled = _mm512_mul_pd(_mm512_add_pd(value, _mm512_set1_pd(end)), _mm512_set1_pd(cells_per_degree));
    __m512d shifted = _mm512_add_pd(scaled, shift);
    __m512d from_start = _mm512_mul_pd(_mm512_sub_pd(shifted, shift), _mm512_set1_pd(step));
    __m512d border = _mm512_sub_pd(from_start, _mm512_set1_pd(end));
    __m512i cell = _mm512_and_si512(_mm512_castpd_si512(shifted), _mm512_set1_epi64(0xffffffff));
    cell = _mm512_mask_sub_epi64(cell, _mm512_cmp_pd_mask(border, value, _CMP_GT_OQ), cell, _mm512_set1_epi64(1));
    return _mm512_sub_epi64(cell, _mm512_srli_epi64(cell, 30));
}

// Moves bit i of each lane to bit 2 i.
INLINE TARGET __m512i spread(__m512i bits) {
#define STEP(distance, mask)                                                                    \
    bits = _mm512_ternarylogic_epi64(                                                           \
        bits, _mm512_slli_epi64(bits, distance), _mm512_set1_epi64((long long)(mask)), 0xa8)  // (a | b) & c
    STEP(16, 0x0000ffff0000ffffULL);
    STEP(8, 0x00ff00ff00ff00ffULL);
    STEP(4, 0x0f0f0f0f0f0f0f0fULL);
    STEP(2, 0x3333333333333333ULL);
    STEP(1, 0x5555555555555555ULL);
#undef STEP
    return bits;
}

TARGET void tripstore_morton_keys(
    const double *longitude, const double *latitude, size_t stride, size_t count, uint64_t *keys
) {
    const __m512i offsets = places(stride);
    for (size_t first = 0; first < count; first += 8) {
        __mmask8 wanted = lanes(count - first);
        const char *x = (const char *)longitude + first * stride, *y = (const char *)latitude + first * stride;
        __m512i east = quantized(
            _mm512_mask_i64gather_pd(_mm512_setzero_pd(), wanted, offsets, x, 1), 180, 0x1p30 / 360, 0x1p-27 * 45);
        __m512i north = quantized(
            _mm512_mask_i64gather_pd(_mm512_setzero_pd(), wanted, offsets, y, 1), 90, 0x1p30 / 180, 0x1p-28 * 45);
        __m512i key = _mm512_or_si512(_mm512_slli_epi64(spread(east), 1), spread(north));
        _mm512_mask_storeu_epi64(keys + first, wanted, key);
    }
}

TARGET void tripstore_weeks(const int64_t *time, size_t stride, size_t count, int32_t *weeks) {
    const __m512i offsets = places(stride);
    const __m512i week = _mm512_set1_epi64(7LL * 86400 * 1000000);
    // 1970-01-01 was a Thursday.
    const __m512i monday = _mm512_set1_epi64(3LL * 86400 * 1000000);
    for (size_t first = 0; first < count; first += 8) {
        __mmask8 wanted = lanes(count - first);
        const char *start = (const char *)time + first * stride;
        __m512i since_monday = _mm512_add_epi64(
            _mm512_mask_i64gather_epi64(_mm512_setzero_si512(), wanted, offsets, start, 1), monday);
        // The quotient of doubles is at most one off, and the remainder shows in which direction.
        __m512d quotient = _mm512_div_pd(_mm512_cvtepi64_pd(since_monday), _mm512_cvtepi64_pd(week));
        __m512i index = _mm512_cvtpd_epi64(quotient);
        __m512i rest = _mm512_sub_epi64(since_monday, _mm512_mullo_epi64(index, week));
        __m512i one = _mm512_set1_epi64(1);
        index = _mm512_mask_sub_epi64(index, _mm512_movepi64_mask(rest), index, one);
        index = _mm512_mask_add_epi64(index, _mm512_cmpge_epi64_mask(rest, week), index, one);
        _mm256_mask_storeu_epi32(weeks + first, wanted, _mm512_cvtepi64_epi32(index));
    }
}
#else

bool tripstore_keys_supported(void) { return false; }

void tripstore_morton_keys(
    const double *longitude, const double *latitude, size_t stride, size_t count, uint64_t *keys
) {
    (void)longitude, (void)latitude, (void)stride, (void)count, (void)keys;
}

void tripstore_weeks(const int64_t *time, size_t stride, size_t count, int32_t *weeks) {
    (void)time, (void)stride, (void)count, (void)weeks;
}
#endif
