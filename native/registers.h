// The set's own vector register, for the matrix kernels.  There each element of the result is a
// separate chain of fused multiply-adds, so that the width changes no bit.
// Also the transposition of square blocks, which only moves data.
#pragma once

#if defined(__AVX512F__)
template <class T> struct RegisterOf;
template <> struct RegisterOf<float> { using Type = __m512; };
template <> struct RegisterOf<double> { using Type = __m512d; };
constexpr int TILE_VECTORS = 4;
constexpr int TILE_ROWS = 6;
constexpr int REGISTERS = 32;
constexpr int LANE_TILE = 4;  // LANE_TILE x LANE_TILE accumulators of 16 lanes

#define EACH(T, R, S)                                                            \
  INLINE R read(const T* p) { return _mm512_loadu_##S(p); }                      \
  INLINE void write(T* p, R a) { _mm512_storeu_##S(p, a); }                      \
  INLINE R spread(T x) { return _mm512_set1_##S(x); }                            \
  INLINE R mul_add(R a, R b, R c) { return _mm512_fmadd_##S(a, b, c); }
EACH(float, __m512, ps)
EACH(double, __m512d, pd)
#undef EACH
INLINE void write_first(float* p, __m512 a, int count) {
  _mm512_mask_storeu_ps(p, __mmask16((1u << count) - 1), a);
}
INLINE void write_first(double* p, __m512d a, int count) {
  _mm512_mask_storeu_pd(p, __mmask8((1u << count) - 1), a);
}
INLINE __m512 read_first(const float* p, int count) {
  return _mm512_maskz_loadu_ps(__mmask16((1u << count) - 1), p);
}
INLINE __m512d read_first(const double* p, int count) {
  return _mm512_maskz_loadu_pd(__mmask8((1u << count) - 1), p);
}

template <class T> constexpr int BLOCK = 64 / sizeof(T);  // side of a transposed block
INLINE void transpose_block(const float* in, int64_t in_row, float* out, int64_t out_row) {
  __m512 r[16], t[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) r[i] = _mm512_loadu_ps(in + i * in_row);
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
  }
#define PD(x) _mm512_castps_pd(x)
#define PS(x) _mm512_castpd_ps(x)
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    r[4 * i] = PS(_mm512_unpacklo_pd(PD(t[4 * i]), PD(t[4 * i + 2])));
    r[4 * i + 1] = PS(_mm512_unpackhi_pd(PD(t[4 * i]), PD(t[4 * i + 2])));
    r[4 * i + 2] = PS(_mm512_unpacklo_pd(PD(t[4 * i + 1]), PD(t[4 * i + 3])));
    r[4 * i + 3] = PS(_mm512_unpackhi_pd(PD(t[4 * i + 1]), PD(t[4 * i + 3])));
  }
#undef PD
#undef PS
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const __m512 a = _mm512_shuffle_f32x4(r[j], r[4 + j], 0x88);
    const __m512 b = _mm512_shuffle_f32x4(r[j], r[4 + j], 0xdd);
    const __m512 c = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0x88);
    const __m512 d = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0xdd);
    _mm512_storeu_ps(out + j * out_row, _mm512_shuffle_f32x4(a, c, 0x88));
    _mm512_storeu_ps(out + (8 + j) * out_row, _mm512_shuffle_f32x4(a, c, 0xdd));
    _mm512_storeu_ps(out + (4 + j) * out_row, _mm512_shuffle_f32x4(b, d, 0x88));
    _mm512_storeu_ps(out + (12 + j) * out_row, _mm512_shuffle_f32x4(b, d, 0xdd));
  }
}
INLINE void transpose_block(const double* in, int64_t in_row, double* out, int64_t out_row) {
  __m512d r[8], t[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) r[i] = _mm512_loadu_pd(in + i * in_row);
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    t[2 * i] = _mm512_unpacklo_pd(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_pd(r[2 * i], r[2 * i + 1]);
  }
#pragma GCC unroll 2
  for (int j = 0; j < 2; ++j) {
    const __m512d a = _mm512_shuffle_f64x2(t[j], t[2 + j], 0x88);
    const __m512d b = _mm512_shuffle_f64x2(t[j], t[2 + j], 0xdd);
    const __m512d c = _mm512_shuffle_f64x2(t[4 + j], t[6 + j], 0x88);
    const __m512d d = _mm512_shuffle_f64x2(t[4 + j], t[6 + j], 0xdd);
    _mm512_storeu_pd(out + j * out_row, _mm512_shuffle_f64x2(a, c, 0x88));
    _mm512_storeu_pd(out + (4 + j) * out_row, _mm512_shuffle_f64x2(a, c, 0xdd));
    _mm512_storeu_pd(out + (2 + j) * out_row, _mm512_shuffle_f64x2(b, d, 0x88));
    _mm512_storeu_pd(out + (6 + j) * out_row, _mm512_shuffle_f64x2(b, d, 0xdd));
  }
}

#elif defined(__AVX2__)
template <class T> struct RegisterOf;
template <> struct RegisterOf<float> { using Type = __m256; };
template <> struct RegisterOf<double> { using Type = __m256d; };
constexpr int TILE_VECTORS = 2;
constexpr int TILE_ROWS = 6;
constexpr int REGISTERS = 16;
constexpr int LANE_TILE = 2;

#define EACH(T, R, S)                                                            \
  INLINE R read(const T* p) { return _mm256_loadu_##S(p); }                      \
  INLINE void write(T* p, R a) { _mm256_storeu_##S(p, a); }                      \
  INLINE R spread(T x) { return _mm256_set1_##S(x); }                            \
  INLINE R mul_add(R a, R b, R c) { return _mm256_fmadd_##S(a, b, c); }
EACH(float, __m256, ps)
EACH(double, __m256d, pd)
#undef EACH
INLINE __m256i first_mask(float, int count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
INLINE __m256i first_mask(double, int count) {
  return _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), _mm256_setr_epi64x(0, 1, 2, 3));
}
INLINE void write_first(float* p, __m256 a, int count) {
  _mm256_maskstore_ps(p, first_mask(0.0f, count), a);
}
INLINE void write_first(double* p, __m256d a, int count) {
  _mm256_maskstore_pd(p, first_mask(0.0, count), a);
}
INLINE __m256 read_first(const float* p, int count) {
  return _mm256_maskload_ps(p, first_mask(0.0f, count));
}
INLINE __m256d read_first(const double* p, int count) {
  return _mm256_maskload_pd(p, first_mask(0.0, count));
}

template <class T> constexpr int BLOCK = 32 / sizeof(T);
INLINE void transpose_block(const float* in, int64_t in_row, float* out, int64_t out_row) {
  __m256 r[8], t[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) r[i] = _mm256_loadu_ps(in + i * in_row);
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    r[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
    r[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
    r[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
    r[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    _mm256_storeu_ps(out + j * out_row, _mm256_permute2f128_ps(r[j], r[4 + j], 0x20));
    _mm256_storeu_ps(out + (4 + j) * out_row, _mm256_permute2f128_ps(r[j], r[4 + j], 0x31));
  }
}
INLINE void transpose_block(const double* in, int64_t in_row, double* out, int64_t out_row) {
  __m256d r[4], t[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) r[i] = _mm256_loadu_pd(in + i * in_row);
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    t[2 * i] = _mm256_unpacklo_pd(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm256_unpackhi_pd(r[2 * i], r[2 * i + 1]);
  }
#pragma GCC unroll 2
  for (int j = 0; j < 2; ++j) {
    _mm256_storeu_pd(out + j * out_row, _mm256_permute2f128_pd(t[j], t[2 + j], 0x20));
    _mm256_storeu_pd(out + (2 + j) * out_row, _mm256_permute2f128_pd(t[j], t[2 + j], 0x31));
  }
}

#else  // NEON
template <class T> struct RegisterOf;
template <> struct RegisterOf<float> { using Type = float32x4_t; };
template <> struct RegisterOf<double> { using Type = float64x2_t; };
constexpr int TILE_VECTORS = 4;
constexpr int TILE_ROWS = 6;
constexpr int REGISTERS = 32;
constexpr int LANE_TILE = 2;

#define EACH(T, R, S)                                                            \
  INLINE R read(const T* p) { return vld1q_##S(p); }                             \
  INLINE void write(T* p, R a) { vst1q_##S(p, a); }                              \
  INLINE R spread(T x) { return vdupq_n_##S(x); }                                \
  INLINE R mul_add(R a, R b, R c) { return vfmaq_##S(c, a, b); }                 \
  INLINE void write_first(T* p, R a, int count) {                                \
    T held[16 / sizeof(T)];                                                      \
    vst1q_##S(held, a);                                                          \
    for (int i = 0; i < count; ++i) p[i] = held[i];                              \
  }                                                                              \
  INLINE R read_first(const T* p, int count) {                                   \
    T held[16 / sizeof(T)] = {};                                                 \
    for (int i = 0; i < count; ++i) held[i] = p[i];                              \
    return vld1q_##S(held);                                                      \
  }
EACH(float, float32x4_t, f32)
EACH(double, float64x2_t, f64)
#undef EACH

template <class T> constexpr int BLOCK = 16 / sizeof(T);
INLINE void transpose_block(const float* in, int64_t in_row, float* out, int64_t out_row) {
  const float32x4_t a = vld1q_f32(in), b = vld1q_f32(in + in_row);
  const float32x4_t c = vld1q_f32(in + 2 * in_row), d = vld1q_f32(in + 3 * in_row);
  const float32x4_t e = vzip1q_f32(a, c), f = vzip2q_f32(a, c);
  const float32x4_t g = vzip1q_f32(b, d), h = vzip2q_f32(b, d);
  vst1q_f32(out, vzip1q_f32(e, g));
  vst1q_f32(out + out_row, vzip2q_f32(e, g));
  vst1q_f32(out + 2 * out_row, vzip1q_f32(f, h));
  vst1q_f32(out + 3 * out_row, vzip2q_f32(f, h));
}
INLINE void transpose_block(const double* in, int64_t in_row, double* out, int64_t out_row) {
  const float64x2_t a = vld1q_f64(in), b = vld1q_f64(in + in_row);
  vst1q_f64(out, vzip1q_f64(a, b));
  vst1q_f64(out + out_row, vzip2q_f64(a, b));
}
#endif

template <class T> using Register = typename RegisterOf<T>::Type;
template <class T> constexpr int WIDTH = sizeof(Register<T>) / sizeof(T);
