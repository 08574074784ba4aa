#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The kernels, from the slowest to the fastest; all of them give the same results.
enum tripstore_structural_path {
    TRIPSTORE_STRUCTURAL_PORTABLE = 0,
    TRIPSTORE_STRUCTURAL_AVX2 = 1,
    TRIPSTORE_STRUCTURAL_AVX512 = 2,
};

/// Returns whether this machine can run a kernel.
bool tripstore_structural_supports(int path);

/// Positions that `tripstore_structural_index` may write past the last valid one.
enum { TRIPSTORE_STRUCTURAL_SLACK = 64 };

/// Writes the position of each delimiter, `"` and `\n` of `bytes[0..<count]`, plus `base`, in ascending order, and returns their
/// count. `positions` must have room for `count + TRIPSTORE_STRUCTURAL_SLACK`. Reads nothing past `count`.
size_t tripstore_structural_index(
    int path, const uint8_t *bytes, size_t count, uint32_t base, uint8_t delimiter, uint32_t *positions);

/// Returns the position of the first `\n` after an odd count of `"`, or `count` if there is none.
size_t tripstore_structural_quoted_newline(int path, const uint8_t *bytes, size_t count);

#ifdef __cplusplus
}
#endif
