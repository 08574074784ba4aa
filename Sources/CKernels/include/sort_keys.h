#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Returns whether this machine can run the functions below.
bool tripstore_keys_supported(void);

/// Writes the 60-bit Morton key of each of `count` points, equal to `MortonKey.key` bit for bit.
///
/// In degrees; point `i` has its coordinates `i * stride` bytes after `longitude` and `latitude`.
void tripstore_morton_keys(const double *longitude, const double *latitude, size_t stride, size_t count, uint64_t *keys);

/// Writes the index of the ISO week of each of `count` local times, equal to `ISOWeek.index`.
///
/// In microseconds since 1970, in the years 1 to 9999; time `i` is `i * stride` bytes after `time`.
void tripstore_weeks(const int64_t *time, size_t stride, size_t count, int32_t *weeks);

#ifdef __cplusplus
}
#endif
