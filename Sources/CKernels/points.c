// Parses the two points of a row to four doubles, all at once: most numbers of a trips CSV are in points.
//
// Swift can't emit instructions that only some machines have, so this loop is in C; without them, `DecimalParser` parses one number
// after another. Both return the double nearest to the text, ties to even.
//
//     P O I N T   ( - 1 4 . 4 9 7 3 7 9 4 4 3 8 1 9 5   5 0 . 0 0 1 3 6 8 7 5 7 8 2 3 1 6 )
//                 └ digits, points, blanks and minus signs as words of one bit per byte: is the shape valid, where are the dots?
//
// One permutation moves the up to sixteen digits after each of the four decimal points to the right end of 16 bytes each, and
// another the up to three digits before it to 4 bytes each. Multiply-and-add instructions then compute:
//
//     whole    0...999                      before the point
//     high     0...99,999,999               the first eight of the sixteen digits
//     low      0...99,999,999               the last eight
//
// The value is whole + (high × 10^8 + low) × 10^-n, where n is the count of digits after the point. It is computed in pairs of
// doubles (Dekker, "A floating-point technique for extending the available precision", 1971), each step exact to 2^-101 of the
// value. If adding or subtracting four times that changes the rounded result, the caller gets no result (Ziv, "Fast evaluation of
// elementary mathematical functions with correctly rounded last bit", 1991); hardly any numbers are that close to the middle of two
// doubles, except those exactly in the middle.
#include "points.h"
#include "cpu.h"
#include <string.h>

#if CPU_HAS_KERNELS
#define TARGET CPU_TARGET(CPU_POINTS)

bool tripstore_points_supported(void) { return CPU_RUNS(CPU_POINTS); }

// 10^-n for n in 1...16, and the rounding error of the double.
static const double NEGATIVE_POWERS[16] = {
    1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15, 1e-16,
};
static const double NEGATIVE_POWERS_REST[16] = {
    -0x1.999999999999ap-58, -0x1.eb851eb851eb8p-63, -0x1.89374bc6a7efap-66, -0x1.6a161e4f765fep-68,
    -0x1.ee78183f91e64p-71, 0x1.b5a63f9a49c2cp-75, 0x1.5e1e99483b023p-78, -0x1.03023df2d4c94p-82,
    -0x1.34674bfabb83bp-84, -0x1.20a5465df8d2cp-88, 0x1.7f7bc7b4d28aap-91, 0x1.97f27f0f6e886p-96,
    -0x1.ecd79a5a0df95p-99, 0x1.ea70909833de7p-107, -0x1.937831647f5a0p-104, 0x1.5b4c2ebe68799p-109,
};

// A point's text as values minus '0', and the positions of its parts.
typedef struct {
    __m512i digits;
    uint32_t starts[2];   // of the digits before the point
    uint32_t points[2];
    uint32_t ends[2];     // after the last digit
    uint32_t negative;    // a bit per number
} point_text;

// Finds the parts of a point; returns false if it does not have the usual shape.
INLINE TARGET bool find_parts(const uint8_t *text, tripstore_field_bounds field, point_text *found) {
    uint64_t keyword;
    memcpy(&keyword, text + field.start, 8);
    uint32_t start = field.start;
    if (__builtin_expect((keyword & 0x00ffffffffffffffULL) == 0x002820544e494f50ULL, 1)) {
        start += 7;  // POINT (
    } else if ((keyword & 0x0000ffffffffffffULL) == 0x000028544e494f50ULL) {
        start += 6;  // POINT(
    } else {
        return false;
    }
    uint32_t length = field.end - start;  // with the closing parenthesis; huge if the field ends before it
    if (length - 8 > 64 - 8) return false;
    __m512i bytes = _mm512_loadu_si512(text + start);
    found->digits = _mm512_sub_epi8(bytes, _mm512_set1_epi8('0'));
    uint64_t others = _bzhi_u64(~_mm512_cmple_epu8_mask(found->digits, _mm512_set1_epi8(9)), length);
    uint64_t dots = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('.'));
    uint64_t minuses = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('-'));
    uint64_t blanks = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(' '));
    uint64_t closing = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(')'));

    uint32_t point = (uint32_t)_tzcnt_u64(dots);
    uint32_t blank = (uint32_t)_tzcnt_u64(blanks);
    uint32_t second_point = (uint32_t)_tzcnt_u64(_blsr_u64(dots));
    uint32_t first_minus = (uint32_t)minuses & 1;
    uint32_t second_minus = (uint32_t)(minuses >> ((blank + 1) & 63)) & 1;
    uint32_t second_start = blank + 1 + second_minus;
    // Only these may be other than digits, and each must be the expected byte.
    uint64_t one = 1;
    uint64_t point_bits = one << (point & 63) | one << (second_point & 63);
    uint64_t minus_bits = first_minus | (uint64_t)second_minus << ((blank + 1) & 63);
    uint64_t wanted = point_bits | minus_bits | one << (blank & 63) | one << (length - 1);
    uint64_t wrong = (others ^ wanted) | (point_bits & ~dots) | (minus_bits & ~minuses) | (one << (blank & 63) & ~blanks)
        | (one << (length - 1) & ~closing);
    uint32_t last = length - 1;
    // One to three digits, a point, one to sixteen digits; unsigned differences are huge if the order is wrong.
    bool is_usual = wrong == 0 & point - first_minus - 1 <= 2 & blank - point - 2 <= 15 & second_point - second_start - 1 <= 2
        & last - second_point - 2 <= 15;
    found->starts[0] = first_minus;
    found->starts[1] = second_start;
    found->points[0] = point;
    found->points[1] = second_point;
    found->ends[0] = blank;
    found->ends[1] = last;
    found->negative = first_minus | second_minus << 1;
    return is_usual;
}

// Four positions, a byte each; 64 is added to those of the second point.
INLINE TARGET uint32_t packed(const uint32_t first[2], const uint32_t second[2]) {
    return (first[0] | first[1] << 8 | second[0] << 16 | second[1] << 24) + 0x40400000;
}

TARGET static uint64_t points_avx512(
    const uint8_t *text, const tripstore_field_bounds *fields, size_t stride, size_t origin, size_t destination, size_t count,
    void *values, size_t value_stride
) {
    // Byte k of a word of four to all 16 bytes of lane k, and to all 4 bytes of double word k.
    const __m512i spread16 = _mm512_set_epi32(
        0x03030303, 0x03030303, 0x03030303, 0x03030303, 0x02020202, 0x02020202, 0x02020202, 0x02020202, 0x01010101, 0x01010101,
        0x01010101, 0x01010101, 0, 0, 0, 0);
    const __m128i spread4 = _mm_set_epi32(0x03030303, 0x02020202, 0x01010101, 0);
    const __m512i before_end = _mm512_broadcast_i32x4(
        _mm_set_epi8(-1, -2, -3, -4, -5, -6, -7, -8, -9, -10, -11, -12, -13, -14, -15, -16));
    const __m128i before_point = _mm_set1_epi32((int)0xfffefdfc);  // -4, -3, -2, -1
    const __m512i tens = _mm512_set1_epi16(0x010a);
    const __m512i hundreds = _mm512_set1_epi32(0x00010064);
    const __m512i ten_thousands = _mm512_set1_epi32(0x00012710);
    const __m128i whole_weights = _mm_set1_epi32(0x010a6400);  // 0, 100, 10, 1
    const __m512i halves = _mm512_castsi256_si512(_mm256_set_epi32(13, 9, 5, 1, 12, 8, 4, 0));
    const __m512d powers_low = _mm512_loadu_pd(NEGATIVE_POWERS), powers_high = _mm512_loadu_pd(NEGATIVE_POWERS + 8);
    const __m512d rests_low = _mm512_loadu_pd(NEGATIVE_POWERS_REST), rests_high = _mm512_loadu_pd(NEGATIVE_POWERS_REST + 8);
    const __m256d limits = _mm256_set_pd(90, 180, 90, 180);
    const __m256d sign = _mm256_set1_pd(-0.0);

    uint64_t good = 0;
    for (size_t row = 0; row < count; row++) {
        point_text first, second;
        if (!find_parts(text, fields[row * stride + origin], &first)) continue;
        if (!find_parts(text, fields[row * stride + destination], &second)) continue;
        uint32_t starts = packed(first.starts, second.starts);
        uint32_t points = packed(first.points, second.points);
        uint32_t ends = packed(first.ends, second.ends);

        // The digits after the points.
        __m512i point_bytes = _mm512_shuffle_epi8(_mm512_set1_epi32((int)points), spread16);
        __m512i places = _mm512_add_epi8(_mm512_shuffle_epi8(_mm512_set1_epi32((int)ends), spread16), before_end);
        __mmask64 is_behind = _mm512_cmpgt_epi8_mask(places, point_bytes);
        __m512i digits = _mm512_maskz_permutex2var_epi8(is_behind, first.digits, places, second.digits);
        __m512i fours = _mm512_madd_epi16(_mm512_maddubs_epi16(digits, tens), hundreds);
        __m512i eights = _mm512_madd_epi16(_mm512_packus_epi32(fours, fours), ten_thousands);
        __m512d numbers = _mm512_cvtepi32_pd(_mm512_castsi512_si256(_mm512_permutexvar_epi32(halves, eights)));
        __m256d high = _mm512_castpd512_pd256(numbers), low = _mm512_extractf64x4_pd(numbers, 1);

        // The digits before them.
        __m128i whole_places = _mm_add_epi8(_mm_shuffle_epi8(_mm_set1_epi32((int)points), spread4), before_point);
        __mmask16 is_before = _mm_cmpge_epi8_mask(whole_places, _mm_shuffle_epi8(_mm_set1_epi32((int)starts), spread4));
        __m128i whole_digits = _mm_maskz_mov_epi8(
            is_before,
            _mm512_castsi512_si128(
                _mm512_permutex2var_epi8(first.digits, _mm512_castsi128_si512(whole_places), second.digits)));
        __m128i whole_pairs = _mm_maddubs_epi16(whole_digits, whole_weights);
        __m256d whole = _mm256_cvtepi32_pd(_mm_madd_epi16(whole_pairs, _mm_set1_epi16(1)));

        // One less than the count of digits after the point: the index in the table, of which the lowest four bits count.
        __m512i exponents = _mm512_castsi256_si512(_mm256_cvtepu8_epi64(_mm_cvtsi32_si128((int)(ends - points - 0x02020202))));
        __m256d power = _mm512_castpd512_pd256(_mm512_permutex2var_pd(powers_low, exponents, powers_high));
        __m256d rest = _mm512_castpd512_pd256(_mm512_permutex2var_pd(rests_low, exponents, rests_high));

        // high × 10^8 is exact, since it has at most 46 bits before its zeros.
        __m256d upper = _mm256_mul_pd(high, _mm256_set1_pd(1e8));
        __m256d fraction = _mm256_add_pd(upper, low);
        __m256d fraction_rest = _mm256_sub_pd(low, _mm256_sub_pd(fraction, upper));
        __m256d product = _mm256_mul_pd(fraction, power);
        __m256d error = _mm256_fmsub_pd(fraction, power, product);
        error = _mm256_fmadd_pd(fraction, rest, error);
        error = _mm256_fmadd_pd(fraction_rest, power, error);
        __m256d sum = _mm256_add_pd(whole, product);
        error = _mm256_add_pd(_mm256_sub_pd(product, _mm256_sub_pd(sum, whole)), error);
        __m256d doubt = _mm256_mul_pd(sum, _mm256_set1_pd(0x1p-99));
        __m256d value = _mm256_add_pd(sum, _mm256_add_pd(error, doubt));
        __m256d other = _mm256_add_pd(sum, _mm256_sub_pd(error, doubt));
        __mmask8 is_good =
            _mm256_cmp_pd_mask(value, other, _CMP_EQ_OQ) & _mm256_cmp_pd_mask(value, limits, _CMP_LE_OQ);
        value = _mm256_mask_xor_pd(value, (__mmask8)(first.negative | second.negative << 2), value, sign);
        _mm256_storeu_pd((double *)((char *)values + row * value_stride), value);
        good |= (uint64_t)(is_good == 15) << row;
    }
    return good;
}

uint64_t tripstore_points(
    const uint8_t *text, const tripstore_field_bounds *fields, size_t stride, size_t origin, size_t destination, size_t count,
    void *values, size_t value_stride
) {
    return points_avx512(text, fields, stride, origin, destination, count, values, value_stride);
}
#else

bool tripstore_points_supported(void) { return false; }

uint64_t tripstore_points(
    const uint8_t *text, const tripstore_field_bounds *fields, size_t stride, size_t origin, size_t destination, size_t count,
    void *values, size_t value_stride
) {
    (void)text, (void)fields, (void)stride, (void)origin, (void)destination, (void)count, (void)values, (void)value_stride;
    return 0;
}
#endif
