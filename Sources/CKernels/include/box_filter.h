#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The bytes between the edges of a box on one axis: first and last, both included; none if the first is above the last.
typedef struct {
    uint8_t first_inside, last_inside, first_touched, last_touched;
} tripstore_axis;

/// Finds which of 64 rows are in a box, by one byte per axis: bit `i` of `inside` is set if row `i` certainly is, and of `touched`
/// if it may be.
///
/// Reads 64 bytes of each axis.
void tripstore_rows_in_box(
    const uint8_t *longitude, const uint8_t *latitude, tripstore_axis longitudes, tripstore_axis latitudes, uint64_t *inside,
    uint64_t *touched);

/// The same without instructions that only some machines have.
void tripstore_rows_in_box_portable(
    const uint8_t *longitude, const uint8_t *latitude, tripstore_axis longitudes, tripstore_axis latitudes, uint64_t *inside,
    uint64_t *touched);

/// Adds to each of some counts how many bits of its run are set. Runs follow one another from the lowest bit of the first word
/// on; run `r` has `ends[r] - starts[r]` bits, at least 0.
void tripstore_count_runs(
    const uint64_t *bits, const uint32_t *starts, const uint32_t *ends, size_t run_count, ptrdiff_t *counts);

/// The same without instructions that only some machines have.
void tripstore_count_runs_portable(
    const uint64_t *bits, const uint32_t *starts, const uint32_t *ends, size_t run_count, ptrdiff_t *counts);

#ifdef __cplusplus
}
#endif
