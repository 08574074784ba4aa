// fast_float (https://github.com/fastfloat/fast_float) behind one C function: the general path of number
// decoding, for texts that the Swift fast path leaves.
#include "CFastFloat.h"
#include <fast_float/fast_float.h>

extern "C" bool tripstore_parse_double(const char *text, size_t length, double *value) {
    double parsed = 0;
    auto answer = fast_float::from_chars(text, text + length, parsed);
    // Some versions report a number too large or too small for a double as an error, with infinity or zero as its value, as
    // strtod gives it; others only give the value.
    bool isNumber = answer.ec == std::errc() || answer.ec == std::errc::result_out_of_range;
    if (!isNumber || answer.ptr != text + length) return false;
    *value = parsed;
    return true;
}
