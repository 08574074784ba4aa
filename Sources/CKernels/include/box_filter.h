#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// What lies between the edges of a box, of one axis, by bytes: first and last, both included; none where the first is above.
typedef struct {
    uint8_t first_inside, last_inside, first_touched, last_touched;
} tripstore_axis;

/// Tells which of 64 rows lie in a box, by one byte an axis: bit `i` of `inside` is set where row `i` does for sure, and of
/// `touched` where it may.
///
/// 64 bytes are read of each axis.
void tripstore_rows_in_box(
    const uint8_t *longitude, const uint8_t *latitude, tripstore_axis longitudes, tripstore_axis latitudes, uint64_t *inside,
    uint64_t *touched);

/// The same without instructions that only some machines have.
void tripstore_rows_in_box_portable(
    const uint8_t *longitude, const uint8_t *latitude, tripstore_axis longitudes, tripstore_axis latitudes, uint64_t *inside,
    uint64_t *touched);

/// Adds to each of some numbers how many bits of its run are set. Runs follow one another from the lowest bit of the first word
/// on; run `r` has `ends[r] - starts[r]` bits, at least 0.
void tripstore_count_runs(
    const uint64_t *bits, const uint32_t *starts, const uint32_t *ends, size_t run_count, ptrdiff_t *counts);

/// The same without instructions that only some machines have.
void tripstore_count_runs_portable(
    const uint64_t *bits, const uint32_t *starts, const uint32_t *ends, size_t run_count, ptrdiff_t *counts);

#ifdef __cplusplus
}
#endif
