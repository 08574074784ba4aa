#pragma once
#include <stddef.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Parses the whole of `text[0..<length]` as a decimal number, correctly rounded (round half to even).
/// Returns false, without changing `*value`, if the whole text is not one number.
bool tripstore_parse_double(const char *text, size_t length, double *value);

#ifdef __cplusplus
}
#endif
