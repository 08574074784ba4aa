#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Maximum of rows in one call: one bit each in the result.
enum { TRIPSTORE_POINTS_ROW_COUNT_MAX = 64 };

/// The bounds of a field in a text: its first byte and the position after its last.
typedef struct {
    uint32_t start;
    uint32_t end;
} tripstore_field_bounds;

/// Returns whether this machine can run `tripstore_points`.
bool tripstore_points_supported(void);

/// Parses the two points of each of `count` rows, as `POINT (x y)` or `POINT(x y)`.
///
/// Row `i` has its fields at `fields[i * stride + origin]` and `fields[i * stride + destination]`, in `text`; its four values go
/// to `values + i * value_stride` (bytes): longitude and latitude of the first, then of the second. 64 bytes from each field's
/// end on may be read. Returns a bit for each row whose values are written and valid: the doubles nearest to the decimal
/// numbers, in the range of their axis. For a row without its bit, the caller must find out the values, or what is wrong.
uint64_t tripstore_points(
    const uint8_t *text, const tripstore_field_bounds *fields, size_t stride, size_t origin, size_t destination, size_t count,
    void *values, size_t value_stride);

#ifdef __cplusplus
}
#endif
