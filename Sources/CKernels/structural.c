// Stage 1 of CSV decoding: finds the delimiters (commas, mostly), quotes and newlines.
//
// A CPU does that for 64 bytes in a few instructions, but Swift can't emit instructions that only some machines have, nor
// inline a function that does. So these loops over whole buffers are in C, each in a version per instruction set, chosen
// at run time. 64 bytes become three words of 64 bits, one bit per byte:
//
//     bytes      Turin,"a,b",7\n        (least significant bit first)
//     commas     00000100100100
//     quotes     00000010001000
//     newlines   00000000000001
//
// The rest is arithmetic on words: the indexes of set bits are positions; the running parity of the quotes' bits shows which
// newlines are inside quotes.
#include "structural.h"
#include "cpu.h"
#include <string.h>

typedef struct {
    uint64_t any;       // delimiter, quote or newline
    uint64_t quotes;
    uint64_t newlines;
} marks;

// MARK: - 64 bytes to marks

// One bit for each byte of `word` that equals `byte`, exactly: no carry runs from one byte to the next.
INLINE uint64_t equal_bits(uint64_t word, uint64_t byte) {
    const uint64_t low7 = 0x7f7f7f7f7f7f7f7fULL;
    uint64_t difference = word ^ (byte * 0x0101010101010101ULL);
    uint64_t high = ~(((difference & low7) + low7) | difference | low7);  // 0x80 if they are equal
    return (high >> 7) * 0x0102040810204080ULL >> 56;                     // gathered into the lowest eight bits
}

INLINE marks marks_portable(const uint8_t *bytes, uint8_t delimiter) {
    marks found = {0, 0, 0};
    for (int part = 0; part < 8; part++) {
        uint64_t word = 0;
        // Little endian on any machine; compilers turn this into one load.
        for (int byte = 0; byte < 8; byte++) word |= (uint64_t)bytes[part * 8 + byte] << (8 * byte);
        uint64_t quotes = equal_bits(word, '"'), newlines = equal_bits(word, '\n');
        found.any |= (equal_bits(word, delimiter) | quotes | newlines) << (8 * part);
        found.quotes |= quotes << (8 * part);
        found.newlines |= newlines << (8 * part);
    }
    return found;
}

#if CPU_HAS_KERNELS
#define TARGET_AVX2 CPU_TARGET(CPU_MARKS_AVX2)
#define TARGET_AVX512 CPU_TARGET(CPU_MARKS_AVX512)

INLINE TARGET_AVX2 uint64_t equal_bits_avx2(__m256i low, __m256i high, char byte) {
    __m256i wanted = _mm256_set1_epi8(byte);
    uint32_t low_bits = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted));
    uint32_t high_bits = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted));
    return low_bits | (uint64_t)high_bits << 32;
}

INLINE TARGET_AVX2 marks marks_avx2(const uint8_t *bytes, uint8_t delimiter) {
    __m256i low = _mm256_loadu_si256((const __m256i *)bytes);
    __m256i high = _mm256_loadu_si256((const __m256i *)(bytes + 32));
    marks found;
    found.quotes = equal_bits_avx2(low, high, '"');
    found.newlines = equal_bits_avx2(low, high, '\n');
    found.any = equal_bits_avx2(low, high, (char)delimiter) | found.quotes | found.newlines;
    return found;
}

INLINE TARGET_AVX512 marks marks_avx512(const uint8_t *bytes, uint8_t delimiter) {
    __m512i block = _mm512_loadu_si512(bytes);
    marks found;
    found.quotes = _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8('"'));
    found.newlines = _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8('\n'));
    found.any = _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8((char)delimiter)) | found.quotes | found.newlines;
    return found;
}
#endif

// MARK: - Marks to positions

// Writes four, then eight at a time, counted afterwards: a row has a mark every twenty bytes or so, so hardly any branch is
// mispredicted. The next block overwrites what is written past the last bit.
INLINE uint32_t *positions_of(uint64_t bits, uint32_t base, uint32_t *positions) {
    if (bits == 0) return positions;
    int count = __builtin_popcountll(bits);
    uint32_t *end = positions + count;
    while (true) {
        for (int step = 0; step < 4; step++) {
            // Past the last bit there is nothing to count; `| 1ULL << 63` keeps the instruction defined.
            positions[step] = base + (uint32_t)__builtin_ctzll(bits | 1ULL << 63);
            bits &= bits - 1;
        }
        positions += 4;
        if (bits == 0) return end;
    }
}

#if CPU_HAS_KERNELS
// The integers 0...63, of which the CPU keeps those whose bit is set, sixteen positions per store.
INLINE TARGET_AVX512 uint32_t *positions_of_avx512(uint64_t bits, uint32_t base, uint32_t *positions) {
    const __m512i numbers = _mm512_set_epi8(
        63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34,
        33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2,
        1, 0);
    __m512i kept = _mm512_maskz_compress_epi8(bits, numbers);
    __m512i bases = _mm512_set1_epi32((int)base);
    int count = __builtin_popcountll(bits);
    _mm512_storeu_si512(positions, _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_castsi512_si128(kept)), bases));
    if (__builtin_expect(count > 16, 0)) {
        _mm512_storeu_si512(positions + 16, _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(kept, 1)), bases));
        _mm512_storeu_si512(positions + 32, _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(kept, 2)), bases));
        _mm512_storeu_si512(positions + 48, _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(kept, 3)), bases));
    }
    return positions + count;
}
#endif

// MARK: - Loops over a buffer, one for each instruction set

// A last block of fewer than 64 bytes is copied to a buffer of zeros: nothing past `count` is read.
#define INDEX_LOOP(MARKS, POSITIONS)                                                                  \
    uint32_t *next = positions;                                                                       \
    size_t start = 0;                                                                                 \
    for (; start + 64 <= count; start += 64) {                                                        \
        next = POSITIONS(MARKS(bytes + start, delimiter).any, base + (uint32_t)start, next);                     \
    }                                                                                                 \
    if (start < count) {                                                                              \
        uint8_t tail[64] = {0};                                                                       \
        memcpy(tail, bytes + start, count - start);                                                   \
        next = POSITIONS(MARKS(tail, delimiter).any, base + (uint32_t)start, next);                              \
    }                                                                                                 \
    return (size_t)(next - positions)

static size_t index_portable(
    const uint8_t *bytes, size_t count, uint32_t base, uint8_t delimiter, uint32_t *positions) {
    INDEX_LOOP(marks_portable, positions_of);
}

#if CPU_HAS_KERNELS
TARGET_AVX2 static size_t index_avx2(
    const uint8_t *bytes, size_t count, uint32_t base, uint8_t delimiter, uint32_t *positions) {
    INDEX_LOOP(marks_avx2, positions_of);
}

TARGET_AVX512 static size_t index_avx512(
    const uint8_t *bytes, size_t count, uint32_t base, uint8_t delimiter, uint32_t *positions) {
    INDEX_LOOP(marks_avx512, positions_of_avx512);
}
#endif

// The bit of each byte after an odd count of quotes (or of an opening quote).
INLINE uint64_t running_parity(uint64_t bits) {
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    bits ^= bits << 32;
    return bits;
}

// `carry` is all ones if an odd count of quotes precedes the block.
#define QUOTED_STEP(MARKS, ADDRESS)                                                                   \
    do {                                                                                              \
        marks found = MARKS(ADDRESS, ',');                                                            \
        if ((found.quotes | carry) != 0) {                                                            \
            uint64_t inside = running_parity(found.quotes) ^ carry;                                   \
            if (found.newlines & inside) return start + (size_t)__builtin_ctzll(found.newlines & inside); \
            carry = (uint64_t)((int64_t)inside >> 63);                                                \
        }                                                                                             \
    } while (0)

#define QUOTED_LOOP(MARKS)                                                                            \
    uint64_t carry = 0;                                                                               \
    size_t start = 0;                                                                                 \
    for (; start + 64 <= count; start += 64) QUOTED_STEP(MARKS, bytes + start);                       \
    if (start < count) {                                                                              \
        uint8_t tail[64] = {0};                                                                       \
        memcpy(tail, bytes + start, count - start);                                                   \
        QUOTED_STEP(MARKS, tail);                                                                     \
    }                                                                                                 \
    return count

static size_t quoted_portable(const uint8_t *bytes, size_t count) { QUOTED_LOOP(marks_portable); }
#if CPU_HAS_KERNELS
TARGET_AVX2 static size_t quoted_avx2(const uint8_t *bytes, size_t count) { QUOTED_LOOP(marks_avx2); }
TARGET_AVX512 static size_t quoted_avx512(const uint8_t *bytes, size_t count) { QUOTED_LOOP(marks_avx512); }
#endif

// MARK: - Choice at run time

bool tripstore_structural_supports(int path) {
    switch (path) {
    case TRIPSTORE_STRUCTURAL_PORTABLE:
        return true;
#if CPU_HAS_KERNELS
    case TRIPSTORE_STRUCTURAL_AVX2:
        return CPU_RUNS(CPU_MARKS_AVX2);
    case TRIPSTORE_STRUCTURAL_AVX512:
        return CPU_RUNS(CPU_MARKS_AVX512);
#endif
    default:
        return false;
    }
}

size_t tripstore_structural_index(
    int path, const uint8_t *bytes, size_t count, uint32_t base, uint8_t delimiter, uint32_t *positions) {
    switch (path) {
#if CPU_HAS_KERNELS
    case TRIPSTORE_STRUCTURAL_AVX512:
        return index_avx512(bytes, count, base, delimiter, positions);
    case TRIPSTORE_STRUCTURAL_AVX2:
        return index_avx2(bytes, count, base, delimiter, positions);
#endif
    default:
        return index_portable(bytes, count, base, delimiter, positions);
    }
}

size_t tripstore_structural_quoted_newline(int path, const uint8_t *bytes, size_t count) {
    switch (path) {
#if CPU_HAS_KERNELS
    case TRIPSTORE_STRUCTURAL_AVX512:
        return quoted_avx512(bytes, count);
    case TRIPSTORE_STRUCTURAL_AVX2:
        return quoted_avx2(bytes, count);
#endif
    default:
        return quoted_portable(bytes, count);
    }
}
