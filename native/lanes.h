// The virtual lanes: 16 floats or 8 doubles, on every instruction set.
//
// All arithmetic of the engine is written in these lanes or element by element.  So the order
// of every sum, and every bit of the result, is the same on AVX-512 (one register), AVX2 (two)
// and NEON (four).  Each operation is one IEEE operation, without approximation.  This file is
// included inside the kernel's anonymous namespace and does not use the STL.
#pragma once

#define VETRO_LANES  // the lists beside the formulas are read without them
#define INLINE inline __attribute__((always_inline))

template <class T>
struct Lanes;
template <class T>
struct Ints;  // the same number of integers of T's size
template <class T>
struct Mask;
template <class T>
constexpr int COUNT = 64 / sizeof(T);

#if defined(__AVX512F__)
// ---- AVX-512: one register -------------------------------------------------------------
template <> struct Lanes<float> { __m512 v; };
template <> struct Lanes<double> { __m512d v; };
template <> struct Ints<float> { __m512i v; };
template <> struct Ints<double> { __m512i v; };
template <> struct Mask<float> { __mmask16 v; };
template <> struct Mask<double> { __mmask8 v; };

#define EACH(T, X, S, I)                                                                       \
  INLINE Lanes<T> load(const T* p) { return {_mm512_loadu_##S(p)}; }                           \
  INLINE void store(T* p, Lanes<T> a) { _mm512_storeu_##S(p, a.v); }                           \
  INLINE Lanes<T> fill(T x) { return {_mm512_set1_##S(x)}; }                                   \
  INLINE Lanes<T> operator+(Lanes<T> a, Lanes<T> b) { return {_mm512_add_##S(a.v, b.v)}; }     \
  INLINE Lanes<T> operator-(Lanes<T> a, Lanes<T> b) { return {_mm512_sub_##S(a.v, b.v)}; }     \
  INLINE Lanes<T> operator*(Lanes<T> a, Lanes<T> b) { return {_mm512_mul_##S(a.v, b.v)}; }     \
  INLINE Lanes<T> operator/(Lanes<T> a, Lanes<T> b) { return {_mm512_div_##S(a.v, b.v)}; }     \
  INLINE Lanes<T> fma(Lanes<T> a, Lanes<T> b, Lanes<T> c) {                                    \
    return {_mm512_fmadd_##S(a.v, b.v, c.v)};                                                  \
  }                                                                                            \
  INLINE Lanes<T> fnma(Lanes<T> a, Lanes<T> b, Lanes<T> c) {                                   \
    return {_mm512_fnmadd_##S(a.v, b.v, c.v)};                                                 \
  }                                                                                            \
  INLINE Lanes<T> sqrt(Lanes<T> a) { return {_mm512_sqrt_##S(a.v)}; }                          \
  INLINE Mask<T> operator<(Lanes<T> a, Lanes<T> b) {                                           \
    return {_mm512_cmp_##S##_mask(a.v, b.v, _CMP_LT_OQ)};                                      \
  }                                                                                            \
  INLINE Mask<T> operator<=(Lanes<T> a, Lanes<T> b) {                                          \
    return {_mm512_cmp_##S##_mask(a.v, b.v, _CMP_LE_OQ)};                                      \
  }                                                                                            \
  INLINE Mask<T> operator==(Lanes<T> a, Lanes<T> b) {                                          \
    return {_mm512_cmp_##S##_mask(a.v, b.v, _CMP_EQ_OQ)};                                      \
  }                                                                                            \
  INLINE Lanes<T> select(Mask<T> m, Lanes<T> a, Lanes<T> b) {                                  \
    return {_mm512_mask_blend_##S(m.v, b.v, a.v)};                                             \
  }                                                                                            \
  INLINE Lanes<T> larger(Lanes<T> a, Lanes<T> b) { return {_mm512_max_##S(a.v, b.v)}; }        \
  INLINE Lanes<T> smaller(Lanes<T> a, Lanes<T> b) { return {_mm512_min_##S(a.v, b.v)}; }       \
  INLINE Lanes<T> scale(Lanes<T> a, Lanes<T> n) { return {_mm512_scalef_##S(a.v, n.v)}; }      \
  INLINE Mask<T> operator&(Mask<T> a, Mask<T> b) { return {decltype(a.v)(a.v & b.v)}; }        \
  INLINE Mask<T> operator|(Mask<T> a, Mask<T> b) { return {decltype(a.v)(a.v | b.v)}; }        \
  INLINE Mask<T> operator!(Mask<T> a) { return {decltype(a.v)(~a.v)}; }                        \
  INLINE bool any(Mask<T> a) { return a.v != 0; }                                              \
  INLINE Ints<T> bits(Lanes<T> a) { return {_mm512_cast##S##_si512(a.v)}; }                    \
  INLINE Lanes<T> from_bits(Ints<T> a) { return {_mm512_castsi512_##S(a.v)}; }                 \
  INLINE Ints<T> operator+(Ints<T> a, Ints<T> b) { return {_mm512_add_##I(a.v, b.v)}; }        \
  INLINE Ints<T> operator-(Ints<T> a, Ints<T> b) { return {_mm512_sub_##I(a.v, b.v)}; }        \
  INLINE Ints<T> operator&(Ints<T> a, Ints<T> b) { return {_mm512_and_si512(a.v, b.v)}; }      \
  INLINE Ints<T> operator|(Ints<T> a, Ints<T> b) { return {_mm512_or_si512(a.v, b.v)}; }       \
  INLINE Ints<T> operator^(Ints<T> a, Ints<T> b) { return {_mm512_xor_si512(a.v, b.v)}; }      \
  template <int N> INLINE Ints<T> shift_left(Ints<T> a) {                                      \
    return {_mm512_slli_##I(a.v, N)};                                                          \
  }                                                                                            \
  template <int N> INLINE Ints<T> shift_right(Ints<T> a) {                                     \
    return {_mm512_srli_##I(a.v, N)};                                                          \
  }
EACH(float, 16, ps, epi32)
EACH(double, 8, pd, epi64)
#undef EACH
template <class T> INLINE Ints<T> fill_bits(long long x);
template <> INLINE Ints<float> fill_bits<float>(long long x) { return {_mm512_set1_epi32(int(x))}; }
template <> INLINE Ints<double> fill_bits<double>(long long x) { return {_mm512_set1_epi64(x)}; }

// The one tree in which lanes are summed: (l, l + n/2), (l, l + n/4), ..., (0, 1).
INLINE float sum(Lanes<float> a) {
  __m256 b = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  __m128 c = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
  c = _mm_add_ps(c, _mm_movehl_ps(c, c));
  return _mm_cvtss_f32(_mm_add_ss(c, _mm_shuffle_ps(c, c, 1)));
}
INLINE double sum(Lanes<double> a) {
  __m256d b = _mm256_add_pd(_mm512_castpd512_pd256(a.v), _mm512_extractf64x4_pd(a.v, 1));
  __m128d c = _mm_add_pd(_mm256_castpd256_pd128(b), _mm256_extractf128_pd(b, 1));
  return _mm_cvtsd_f64(_mm_add_sd(c, _mm_unpackhi_pd(c, c)));
}

#elif defined(__AVX2__) && defined(__FMA__)
// ---- AVX2: two registers ---------------------------------------------------------------
template <> struct Lanes<float> { __m256 lo, hi; };
template <> struct Lanes<double> { __m256d lo, hi; };
template <> struct Ints<float> { __m256i lo, hi; };
template <> struct Ints<double> { __m256i lo, hi; };
template <> struct Mask<float> { __m256 lo, hi; };
template <> struct Mask<double> { __m256d lo, hi; };

#define EACH(T, N, S, I)                                                                       \
  INLINE Lanes<T> load(const T* p) { return {_mm256_loadu_##S(p), _mm256_loadu_##S(p + N)}; }  \
  INLINE void store(T* p, Lanes<T> a) {                                                        \
    _mm256_storeu_##S(p, a.lo);                                                                \
    _mm256_storeu_##S(p + N, a.hi);                                                            \
  }                                                                                            \
  INLINE Lanes<T> fill(T x) { return {_mm256_set1_##S(x), _mm256_set1_##S(x)}; }               \
  INLINE Lanes<T> operator+(Lanes<T> a, Lanes<T> b) {                                          \
    return {_mm256_add_##S(a.lo, b.lo), _mm256_add_##S(a.hi, b.hi)};                           \
  }                                                                                            \
  INLINE Lanes<T> operator-(Lanes<T> a, Lanes<T> b) {                                          \
    return {_mm256_sub_##S(a.lo, b.lo), _mm256_sub_##S(a.hi, b.hi)};                           \
  }                                                                                            \
  INLINE Lanes<T> operator*(Lanes<T> a, Lanes<T> b) {                                          \
    return {_mm256_mul_##S(a.lo, b.lo), _mm256_mul_##S(a.hi, b.hi)};                           \
  }                                                                                            \
  INLINE Lanes<T> operator/(Lanes<T> a, Lanes<T> b) {                                          \
    return {_mm256_div_##S(a.lo, b.lo), _mm256_div_##S(a.hi, b.hi)};                           \
  }                                                                                            \
  INLINE Lanes<T> fma(Lanes<T> a, Lanes<T> b, Lanes<T> c) {                                    \
    return {_mm256_fmadd_##S(a.lo, b.lo, c.lo), _mm256_fmadd_##S(a.hi, b.hi, c.hi)};           \
  }                                                                                            \
  INLINE Lanes<T> fnma(Lanes<T> a, Lanes<T> b, Lanes<T> c) {                                   \
    return {_mm256_fnmadd_##S(a.lo, b.lo, c.lo), _mm256_fnmadd_##S(a.hi, b.hi, c.hi)};         \
  }                                                                                            \
  INLINE Lanes<T> sqrt(Lanes<T> a) { return {_mm256_sqrt_##S(a.lo), _mm256_sqrt_##S(a.hi)}; }  \
  INLINE Mask<T> operator<(Lanes<T> a, Lanes<T> b) {                                           \
    return {_mm256_cmp_##S(a.lo, b.lo, _CMP_LT_OQ), _mm256_cmp_##S(a.hi, b.hi, _CMP_LT_OQ)};   \
  }                                                                                            \
  INLINE Mask<T> operator<=(Lanes<T> a, Lanes<T> b) {                                          \
    return {_mm256_cmp_##S(a.lo, b.lo, _CMP_LE_OQ), _mm256_cmp_##S(a.hi, b.hi, _CMP_LE_OQ)};   \
  }                                                                                            \
  INLINE Mask<T> operator==(Lanes<T> a, Lanes<T> b) {                                          \
    return {_mm256_cmp_##S(a.lo, b.lo, _CMP_EQ_OQ), _mm256_cmp_##S(a.hi, b.hi, _CMP_EQ_OQ)};   \
  }                                                                                            \
  INLINE Lanes<T> select(Mask<T> m, Lanes<T> a, Lanes<T> b) {                                  \
    return {_mm256_blendv_##S(b.lo, a.lo, m.lo), _mm256_blendv_##S(b.hi, a.hi, m.hi)};         \
  }                                                                                            \
  INLINE Lanes<T> larger(Lanes<T> a, Lanes<T> b) {                                             \
    return {_mm256_max_##S(a.lo, b.lo), _mm256_max_##S(a.hi, b.hi)};                           \
  }                                                                                            \
  INLINE Lanes<T> smaller(Lanes<T> a, Lanes<T> b) {                                            \
    return {_mm256_min_##S(a.lo, b.lo), _mm256_min_##S(a.hi, b.hi)};                           \
  }                                                                                            \
  INLINE Mask<T> operator&(Mask<T> a, Mask<T> b) {                                             \
    return {_mm256_and_##S(a.lo, b.lo), _mm256_and_##S(a.hi, b.hi)};                           \
  }                                                                                            \
  INLINE Mask<T> operator|(Mask<T> a, Mask<T> b) {                                             \
    return {_mm256_or_##S(a.lo, b.lo), _mm256_or_##S(a.hi, b.hi)};                             \
  }                                                                                            \
  INLINE bool any(Mask<T> a) { return _mm256_movemask_##S(_mm256_or_##S(a.lo, a.hi)) != 0; }   \
  INLINE Ints<T> bits(Lanes<T> a) {                                                            \
    return {_mm256_cast##S##_si256(a.lo), _mm256_cast##S##_si256(a.hi)};                       \
  }                                                                                            \
  INLINE Lanes<T> from_bits(Ints<T> a) {                                                       \
    return {_mm256_castsi256_##S(a.lo), _mm256_castsi256_##S(a.hi)};                           \
  }                                                                                            \
  INLINE Ints<T> operator+(Ints<T> a, Ints<T> b) {                                             \
    return {_mm256_add_##I(a.lo, b.lo), _mm256_add_##I(a.hi, b.hi)};                           \
  }                                                                                            \
  INLINE Ints<T> operator-(Ints<T> a, Ints<T> b) {                                             \
    return {_mm256_sub_##I(a.lo, b.lo), _mm256_sub_##I(a.hi, b.hi)};                           \
  }                                                                                            \
  INLINE Ints<T> operator&(Ints<T> a, Ints<T> b) {                                             \
    return {_mm256_and_si256(a.lo, b.lo), _mm256_and_si256(a.hi, b.hi)};                       \
  }                                                                                            \
  INLINE Ints<T> operator|(Ints<T> a, Ints<T> b) {                                             \
    return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)};                         \
  }                                                                                            \
  INLINE Ints<T> operator^(Ints<T> a, Ints<T> b) {                                             \
    return {_mm256_xor_si256(a.lo, b.lo), _mm256_xor_si256(a.hi, b.hi)};                       \
  }                                                                                            \
  INLINE Mask<T> operator!(Mask<T> a) {                                                        \
    const __m256i ones = _mm256_set1_epi32(-1);                                                \
    return {_mm256_xor_##S(a.lo, _mm256_castsi256_##S(ones)),                                  \
            _mm256_xor_##S(a.hi, _mm256_castsi256_##S(ones))};                                 \
  }                                                                                            \
  template <int K> INLINE Ints<T> shift_left(Ints<T> a) {                                      \
    return {_mm256_slli_##I(a.lo, K), _mm256_slli_##I(a.hi, K)};                               \
  }                                                                                            \
  template <int K> INLINE Ints<T> shift_right(Ints<T> a) {                                     \
    return {_mm256_srli_##I(a.lo, K), _mm256_srli_##I(a.hi, K)};                               \
  }
EACH(float, 8, ps, epi32)
EACH(double, 4, pd, epi64)
#undef EACH
template <class T> INLINE Ints<T> fill_bits(long long x);
template <> INLINE Ints<float> fill_bits<float>(long long x) {
  return {_mm256_set1_epi32(int(x)), _mm256_set1_epi32(int(x))};
}
template <> INLINE Ints<double> fill_bits<double>(long long x) {
  return {_mm256_set1_epi64x(x), _mm256_set1_epi64x(x)};
}

// The one tree in which lanes are summed: (l, l + n/2), (l, l + n/4), ..., (0, 1).
INLINE float sum(Lanes<float> a) {
  __m256 b = _mm256_add_ps(a.lo, a.hi);
  __m128 c = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
  c = _mm_add_ps(c, _mm_movehl_ps(c, c));
  return _mm_cvtss_f32(_mm_add_ss(c, _mm_shuffle_ps(c, c, 1)));
}
INLINE double sum(Lanes<double> a) {
  __m256d b = _mm256_add_pd(a.lo, a.hi);
  __m128d c = _mm_add_pd(_mm256_castpd256_pd128(b), _mm256_extractf128_pd(b, 1));
  return _mm_cvtsd_f64(_mm_add_sd(c, _mm_unpackhi_pd(c, c)));
}

#elif defined(__aarch64__)
// ---- NEON: four registers --------------------------------------------------------------
#define TYPES(T, V, U)                               \
  template <> struct Lanes<T> { V a, b, c, d; };     \
  template <> struct Ints<T> { U a, b, c, d; };      \
  template <> struct Mask<T> { U a, b, c, d; };
TYPES(float, float32x4_t, uint32x4_t)
TYPES(double, float64x2_t, uint64x2_t)
#undef TYPES

#define EACH(T, N, S, U, W)                                                                    \
  INLINE Lanes<T> load(const T* p) {                                                           \
    return {vld1q_##S(p), vld1q_##S(p + N), vld1q_##S(p + 2 * N), vld1q_##S(p + 3 * N)};       \
  }                                                                                            \
  INLINE void store(T* p, Lanes<T> x) {                                                        \
    vst1q_##S(p, x.a);                                                                         \
    vst1q_##S(p + N, x.b);                                                                     \
    vst1q_##S(p + 2 * N, x.c);                                                                 \
    vst1q_##S(p + 3 * N, x.d);                                                                 \
  }                                                                                            \
  INLINE Lanes<T> fill(T x) {                                                                  \
    return {vdupq_n_##S(x), vdupq_n_##S(x), vdupq_n_##S(x), vdupq_n_##S(x)};                   \
  }                                                                                            \
  TWO(Lanes<T>, Lanes<T>, operator+, vaddq_##S)                                                \
  TWO(Lanes<T>, Lanes<T>, operator-, vsubq_##S)                                                \
  TWO(Lanes<T>, Lanes<T>, operator*, vmulq_##S)                                                \
  TWO(Lanes<T>, Lanes<T>, operator/, vdivq_##S)                                                \
  INLINE Lanes<T> fma(Lanes<T> x, Lanes<T> y, Lanes<T> z) {                                    \
    return {vfmaq_##S(z.a, x.a, y.a), vfmaq_##S(z.b, x.b, y.b), vfmaq_##S(z.c, x.c, y.c),      \
            vfmaq_##S(z.d, x.d, y.d)};                                                         \
  }                                                                                            \
  INLINE Lanes<T> fnma(Lanes<T> x, Lanes<T> y, Lanes<T> z) {                                   \
    return {vfmsq_##S(z.a, x.a, y.a), vfmsq_##S(z.b, x.b, y.b), vfmsq_##S(z.c, x.c, y.c),      \
            vfmsq_##S(z.d, x.d, y.d)};                                                         \
  }                                                                                            \
  INLINE Lanes<T> sqrt(Lanes<T> x) {                                                           \
    return {vsqrtq_##S(x.a), vsqrtq_##S(x.b), vsqrtq_##S(x.c), vsqrtq_##S(x.d)};               \
  }                                                                                            \
  TWO(Mask<T>, Lanes<T>, operator<, vcltq_##S)                                                 \
  TWO(Mask<T>, Lanes<T>, operator<=, vcleq_##S)                                                \
  TWO(Mask<T>, Lanes<T>, operator==, vceqq_##S)                                                \
  INLINE Lanes<T> select(Mask<T> m, Lanes<T> x, Lanes<T> y) {                                  \
    return {vbslq_##S(m.a, x.a, y.a), vbslq_##S(m.b, x.b, y.b), vbslq_##S(m.c, x.c, y.c),      \
            vbslq_##S(m.d, x.d, y.d)};                                                         \
  }                                                                                            \
  TWO(Mask<T>, Mask<T>, operator&, vandq_##U)                                                  \
  TWO(Mask<T>, Mask<T>, operator|, vorrq_##U)                                                  \
  INLINE bool any(Mask<T> m) {                                                                 \
    return vmaxvq_u32((uint32x4_t)vorrq_##U(vorrq_##U(m.a, m.b), vorrq_##U(m.c, m.d))) != 0;   \
  }                                                                                            \
  INLINE Ints<T> bits(Lanes<T> x) {                                                            \
    return {vreinterpretq_##U##_##S(x.a), vreinterpretq_##U##_##S(x.b),                        \
            vreinterpretq_##U##_##S(x.c), vreinterpretq_##U##_##S(x.d)};                       \
  }                                                                                            \
  INLINE Lanes<T> from_bits(Ints<T> x) {                                                       \
    return {vreinterpretq_##S##_##U(x.a), vreinterpretq_##S##_##U(x.b),                        \
            vreinterpretq_##S##_##U(x.c), vreinterpretq_##S##_##U(x.d)};                       \
  }                                                                                            \
  TWO(Ints<T>, Ints<T>, operator+, vaddq_##U)                                                  \
  TWO(Ints<T>, Ints<T>, operator-, vsubq_##U)                                                  \
  TWO(Ints<T>, Ints<T>, operator&, vandq_##U)                                                  \
  TWO(Ints<T>, Ints<T>, operator|, vorrq_##U)                                                  \
  TWO(Ints<T>, Ints<T>, operator^, veorq_##U)                                                  \
  INLINE Mask<T> operator!(Mask<T> m) {                                                        \
    const auto ones = vdupq_n_##U(~W(0));                                                      \
    return {veorq_##U(m.a, ones), veorq_##U(m.b, ones), veorq_##U(m.c, ones),                  \
            veorq_##U(m.d, ones)};                                                             \
  }                                                                                            \
  template <int K> INLINE Ints<T> shift_left(Ints<T> x) {                                      \
    return {vshlq_n_##U(x.a, K), vshlq_n_##U(x.b, K), vshlq_n_##U(x.c, K),                     \
            vshlq_n_##U(x.d, K)};                                                              \
  }                                                                                            \
  template <int K> INLINE Ints<T> shift_right(Ints<T> x) {                                     \
    return {vshrq_n_##U(x.a, K), vshrq_n_##U(x.b, K), vshrq_n_##U(x.c, K),                     \
            vshrq_n_##U(x.d, K)};                                                              \
  }
#define TWO(R, X, name, f) \
  INLINE R name(X x, X y) { return {f(x.a, y.a), f(x.b, y.b), f(x.c, y.c), f(x.d, y.d)}; }
EACH(float, 4, f32, u32, uint32_t)
EACH(double, 2, f64, u64, uint64_t)
#undef TWO
#undef EACH
template <class T> INLINE Ints<T> fill_bits(long long x);
template <> INLINE Ints<float> fill_bits<float>(long long x) {
  const uint32x4_t v = vdupq_n_u32(uint32_t(x));
  return {v, v, v, v};
}
template <> INLINE Ints<double> fill_bits<double>(long long x) {
  const uint64x2_t v = vdupq_n_u64(uint64_t(x));
  return {v, v, v, v};
}

// The one tree in which lanes are summed: (l, l + n/2), (l, l + n/4), ..., (0, 1).
INLINE float sum(Lanes<float> x) {
  const float32x4_t v = vaddq_f32(vaddq_f32(x.a, x.c), vaddq_f32(x.b, x.d));
  const float32x2_t w = vadd_f32(vget_low_f32(v), vget_high_f32(v));
  return vget_lane_f32(w, 0) + vget_lane_f32(w, 1);
}
INLINE double sum(Lanes<double> x) {
  const float64x2_t v = vaddq_f64(vaddq_f64(x.a, x.c), vaddq_f64(x.b, x.d));
  return vgetq_lane_f64(v, 0) + vgetq_lane_f64(v, 1);
}
#else
#error "the kernels need AVX-512, AVX2 with FMA, or NEON"
#endif

// ---- written with the functions above, the same on all sets ----------------------------
template <class T> INLINE Lanes<T> zero() { return fill(T(0)); }
template <class T> INLINE Lanes<T> operator-(Lanes<T> a) {
  return from_bits(bits(a) ^ fill_bits<T>(sizeof(T) == 4 ? 0x80000000LL : (long long)(1ULL << 63)));
}
template <class T> INLINE Lanes<T> abs(Lanes<T> a) {
  return from_bits(bits(a) & fill_bits<T>(sizeof(T) == 4 ? 0x7fffffffLL : 0x7fffffffffffffffLL));
}
template <class T> INLINE Lanes<T> copy_sign(Lanes<T> size, Lanes<T> sign) {
  const Ints<T> bit = fill_bits<T>(sizeof(T) == 4 ? 0x80000000LL : (long long)(1ULL << 63));
  return from_bits((bits(size) & (bit ^ fill_bits<T>(-1))) | (bits(sign) & bit));
}
// The same, for a `size` whose sign bit is not set.
template <class T> INLINE Lanes<T> with_sign(Lanes<T> size, Lanes<T> sign) {
  return from_bits(bits(size) | (bits(sign) & bits(fill(T(-0.0)))));
}
template <class T> INLINE Mask<T> is_nan(Lanes<T> a) { return !(a == a); }
#if defined(__aarch64__)  // x86 has one instruction for each: b if either is NaN or both are zero
template <class T> INLINE Lanes<T> larger(Lanes<T> a, Lanes<T> b) { return select(b < a, a, b); }
template <class T> INLINE Lanes<T> smaller(Lanes<T> a, Lanes<T> b) { return select(a < b, a, b); }
#endif

// The lanes before `count`.
template <class T> INLINE Mask<T> first_lanes(int count) {
  static constexpr T NUMBERS[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return load(NUMBERS) < fill(T(count));
}
// The first `count` lanes; the others are zero, and their memory is not accessed.
template <class T> INLINE Lanes<T> load_first(const T* p, int count) {
  alignas(64) T held[COUNT<T>] = {};
  for (int i = 0; i < count; ++i) held[i] = p[i];
  return load(held);
}
template <class T> INLINE void store_first(T* p, Lanes<T> a, int count) {
  alignas(64) T held[COUNT<T>];
  store(held, a);
  for (int i = 0; i < count; ++i) p[i] = held[i];
}
