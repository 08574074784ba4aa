// The instruction sets that the kernels are compiled for, and whether this machine has them.
//
// Each set is one list of features. `CPU_TARGET` turns it into a function's compilation target and `CPU_RUNS` into the check of the
// processor, so that no kernel can use an instruction that was not checked:
//
//     CPU_TARGET(CPU_POPCNT) static void count_runs_popcnt(…) { … }     __attribute__((target("popcnt")))
//     if (CPU_RUNS(CPU_POPCNT)) count_runs_popcnt(…);                   if (__builtin_cpu_supports("popcnt")) …
//
// No other file of this target names a feature, and a file that compiles for a set checks that set; a tidy test enforces both. With
// TRIPSTORE_PORTABLE, and on processors other than x86-64, only the portable paths are compiled.
#pragma once

#define INLINE static inline __attribute__((always_inline))

#if defined(__x86_64__) && !defined(TRIPSTORE_PORTABLE)
#define CPU_HAS_KERNELS 1
#include <immintrin.h>

// The features of each set. The first one has a macro of its own, because a separator comes before each of the others.
#define CPU_POPCNT(first, next) first(popcnt)
#define CPU_MARKS_AVX2(first, next) first(avx2) next(bmi) next(bmi2) next(popcnt)
#define CPU_MARKS_AVX512(first, next) \
    first(avx512f) next(avx512bw) next(avx512vl) next(avx512vbmi2) next(bmi) next(bmi2) next(popcnt)
#define CPU_POINTS(first, next)                                                                                       \
    first(avx512f) next(avx512bw) next(avx512dq) next(avx512vl) next(avx512vbmi) next(fma) next(bmi) next(bmi2) next(popcnt)
#define CPU_KEYS(first, next) first(avx512f) next(avx512dq) next(avx512vl)

#define CPU_FIRST_NAME(feature) #feature
#define CPU_NEXT_NAME(feature) "," #feature
#define CPU_TARGET(set) __attribute__((target(set(CPU_FIRST_NAME, CPU_NEXT_NAME))))

// The processor is queried once, when the program starts; afterwards this reads a word or two.
#define CPU_FIRST_CHECK(feature) __builtin_cpu_supports(#feature)
#define CPU_NEXT_CHECK(feature) &&__builtin_cpu_supports(#feature)
#define CPU_RUNS(set) (set(CPU_FIRST_CHECK, CPU_NEXT_CHECK))
#else
#define CPU_HAS_KERNELS 0
#endif
