// The AVX-512 intrinsics that the kernels use, made of two AVX2 halves each.
//
// For tests only: with `-include` of this file, -mavx2 and -mfma, the AVX-512 branches of
// lanes.h and registers.h compile unchanged, with all their tiles, tails and transpositions,
// and run on a processor that has only AVX2.  Each function does the same as the intrinsic that it
// replaces (Intel's guide).  It is slow: the register tiles do not fit into AVX2's registers.
#pragma once
#include <immintrin.h>

#include <cmath>
#include <cstring>

#if defined(__AVX512F__)
#error "there is nothing to emulate"
#endif
#define __AVX512F__ 1

namespace {
namespace emulated {

#define EMULATED inline __attribute__((always_inline))

struct Floats {
  __m256 lo, hi;
};
struct Doubles {
  __m256d lo, hi;
};
struct Integers {
  __m256i lo, hi;
};
template <class To, class From>
EMULATED To copied(const From& from) {
  static_assert(sizeof(To) == sizeof(From), "the same bytes");
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

// All ones in the lanes whose bit is set.
EMULATED Floats lanes_of(__mmask16 mask, const Floats&) {
  const __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  const __m256i lo = _mm256_and_si256(_mm256_set1_epi32(mask & 255), bit);
  const __m256i hi = _mm256_and_si256(_mm256_set1_epi32(mask >> 8), bit);
  return {_mm256_castsi256_ps(_mm256_cmpeq_epi32(lo, bit)),
          _mm256_castsi256_ps(_mm256_cmpeq_epi32(hi, bit))};
}
EMULATED Doubles lanes_of(__mmask8 mask, const Doubles&) {
  const __m256i bit = _mm256_setr_epi64x(1, 2, 4, 8);
  const __m256i lo = _mm256_and_si256(_mm256_set1_epi64x(mask & 15), bit);
  const __m256i hi = _mm256_and_si256(_mm256_set1_epi64x(mask >> 4), bit);
  return {_mm256_castsi256_pd(_mm256_cmpeq_epi64(lo, bit)),
          _mm256_castsi256_pd(_mm256_cmpeq_epi64(hi, bit))};
}

// a 2^floor(n), rounded once.
template <class T>
EMULATED T scaled(T a, T n) {
  if (std::isnan(n)) return n;
  const T most = 5000;
  return std::ldexp(a, int(std::floor(n < -most ? -most : n > most ? most : n)));
}

// Numbered quarters of a and b, in the order of _mm512_shuffle_f32x4.
template <int WHICH, class Vector>
EMULATED Vector quarters(const Vector& a, const Vector& b) {
  __m128 from[8], to[4];
  std::memcpy(from, &a, sizeof a);
  std::memcpy(from + 4, &b, sizeof b);
  for (int i = 0; i < 4; ++i) to[i] = from[(i < 2 ? 0 : 4) + ((WHICH >> 2 * i) & 3)];
  return copied<Vector>(to);
}

#define EACH(T, V, N, M, S)                                                                    \
  EMULATED V loadu_##S(const void* p) {                                                        \
    const T* q = static_cast<const T*>(p);                                                     \
    return {_mm256_loadu_##S(q), _mm256_loadu_##S(q + N / 2)};                                 \
  }                                                                                            \
  EMULATED void _mm512_storeu_##S(void* p, V a) {                                              \
    T* q = static_cast<T*>(p);                                                                 \
    _mm256_storeu_##S(q, a.lo);                                                                \
    _mm256_storeu_##S(q + N / 2, a.hi);                                                        \
  }                                                                                            \
  EMULATED V maskz_loadu_##S(M mask, const T* p) {                                             \
    T held[N] = {};                                                                            \
    for (int i = 0; i < N; ++i)                                                                \
      if (mask >> i & 1) held[i] = p[i];                                                       \
    return loadu_##S(held);                                                                    \
  }                                                                                            \
  EMULATED void _mm512_mask_storeu_##S(T* p, M mask, V a) {                                    \
    T held[N];                                                                                 \
    _mm512_storeu_##S(held, a);                                                                \
    for (int i = 0; i < N; ++i)                                                                \
      if (mask >> i & 1) p[i] = held[i];                                                       \
  }                                                                                            \
  EMULATED V set1_##S(T x) { return {_mm256_set1_##S(x), _mm256_set1_##S(x)}; }                \
  EMULATED V _mm512_sqrt_##S(V a) { return {_mm256_sqrt_##S(a.lo), _mm256_sqrt_##S(a.hi)}; }   \
  BOTH(V, add_##S) BOTH(V, sub_##S) BOTH(V, mul_##S) BOTH(V, div_##S) BOTH(V, max_##S)         \
  BOTH(V, min_##S) BOTH(V, unpacklo_##S) BOTH(V, unpackhi_##S)                                 \
  EMULATED V operator+(V a, V b) { return _mm512_add_##S(a, b); }                              \
  EMULATED V _mm512_fmadd_##S(V a, V b, V c) {                                                 \
    return {_mm256_fmadd_##S(a.lo, b.lo, c.lo), _mm256_fmadd_##S(a.hi, b.hi, c.hi)};           \
  }                                                                                            \
  EMULATED V _mm512_fnmadd_##S(V a, V b, V c) {                                                \
    return {_mm256_fnmadd_##S(a.lo, b.lo, c.lo), _mm256_fnmadd_##S(a.hi, b.hi, c.hi)};         \
  }                                                                                            \
  template <int COMPARISON>                                                                    \
  EMULATED M cmp_mask(V a, V b) {                                                              \
    const int lo = _mm256_movemask_##S(_mm256_cmp_##S(a.lo, b.lo, COMPARISON));                \
    return M(lo | _mm256_movemask_##S(_mm256_cmp_##S(a.hi, b.hi, COMPARISON)) << N / 2);       \
  }                                                                                            \
  EMULATED V _mm512_mask_blend_##S(M mask, V clear, V set) {                                   \
    const V chosen = lanes_of(mask, set);                                                      \
    return {_mm256_blendv_##S(clear.lo, set.lo, chosen.lo),                                    \
            _mm256_blendv_##S(clear.hi, set.hi, chosen.hi)};                                   \
  }                                                                                            \
  EMULATED V _mm512_scalef_##S(V a, V n) {                                                     \
    T held[N], by[N];                                                                          \
    _mm512_storeu_##S(held, a);                                                                \
    _mm512_storeu_##S(by, n);                                                                  \
    for (int i = 0; i < N; ++i) held[i] = scaled(held[i], by[i]);                              \
    return loadu_##S(held);                                                                    \
  }                                                                                            \
  EMULATED Integers _mm512_cast##S##_si512(V a) { return copied<Integers>(a); }                \
  EMULATED V _mm512_castsi512_##S(Integers a) { return copied<V>(a); }
#define BOTH(V, name)                                                                          \
  EMULATED V _mm512_##name(V a, V b) { return {_mm256_##name(a.lo, b.lo), _mm256_##name(a.hi, b.hi)}; }
EACH(float, Floats, 16, __mmask16, ps)
EACH(double, Doubles, 8, __mmask8, pd)
#undef EACH

#define EACH(I)                                                                                \
  BOTH(Integers, add_##I) BOTH(Integers, sub_##I)                                              \
  EMULATED Integers slli_##I(Integers a, int n) {                                              \
    return {_mm256_slli_##I(a.lo, n), _mm256_slli_##I(a.hi, n)};                               \
  }                                                                                            \
  EMULATED Integers srli_##I(Integers a, int n) {                                              \
    return {_mm256_srli_##I(a.lo, n), _mm256_srli_##I(a.hi, n)};                               \
  }
EACH(epi32)
EACH(epi64)
#undef EACH
#undef BOTH
#define BITWISE(name)                                                                          \
  EMULATED Integers _mm512_##name##_si512(Integers a, Integers b) {                            \
    return {_mm256_##name##_si256(a.lo, b.lo), _mm256_##name##_si256(a.hi, b.hi)};             \
  }
BITWISE(and) BITWISE(or) BITWISE(xor)
#undef BITWISE
EMULATED Integers set1_epi32(int x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
EMULATED Integers set1_epi64(long long x) {
  return {_mm256_set1_epi64x(x), _mm256_set1_epi64x(x)};
}

EMULATED Doubles _mm512_castps_pd(const Floats& a) { return copied<Doubles>(a); }
EMULATED Floats _mm512_castpd_ps(const Doubles& a) { return copied<Floats>(a); }
EMULATED __m256 _mm512_castps512_ps256(const Floats& a) { return a.lo; }
EMULATED __m256d _mm512_castpd512_pd256(const Doubles& a) { return a.lo; }

#undef EMULATED
}  // namespace emulated
}  // namespace

#define __m512 emulated::Floats
#define __m512d emulated::Doubles
#define __m512i emulated::Integers

// The compiler chooses the functions above by their arguments.  Intrinsics that read memory or
// take an immediate number are macros in some compilers, so they need the following.
#undef _mm512_cmp_ps_mask
#undef _mm512_cmp_pd_mask
#undef _mm512_shuffle_f32x4
#undef _mm512_shuffle_f64x2
#undef _mm512_extractf32x8_ps
#undef _mm512_extractf64x4_pd
#undef _mm512_slli_epi32
#undef _mm512_slli_epi64
#undef _mm512_srli_epi32
#undef _mm512_srli_epi64
#define _mm512_loadu_ps emulated::loadu_ps
#define _mm512_loadu_pd emulated::loadu_pd
#define _mm512_maskz_loadu_ps emulated::maskz_loadu_ps
#define _mm512_maskz_loadu_pd emulated::maskz_loadu_pd
#define _mm512_set1_ps emulated::set1_ps
#define _mm512_set1_pd emulated::set1_pd
#define _mm512_set1_epi32 emulated::set1_epi32
#define _mm512_set1_epi64 emulated::set1_epi64
#define _mm512_slli_epi32 emulated::slli_epi32
#define _mm512_slli_epi64 emulated::slli_epi64
#define _mm512_srli_epi32 emulated::srli_epi32
#define _mm512_srli_epi64 emulated::srli_epi64
#define _mm512_cmp_ps_mask(a, b, comparison) emulated::cmp_mask<comparison>(a, b)
#define _mm512_cmp_pd_mask(a, b, comparison) emulated::cmp_mask<comparison>(a, b)
#define _mm512_shuffle_f32x4(a, b, which) emulated::quarters<which>(a, b)
#define _mm512_shuffle_f64x2(a, b, which) emulated::quarters<which>(a, b)
#define _mm512_extractf32x8_ps(a, which) ((which) ? (a).hi : (a).lo)
#define _mm512_extractf64x4_pd(a, which) ((which) ? (a).hi : (a).lo)
