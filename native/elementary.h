// exp, expm1, log, log1p, tanh, sigmoid and erf on lanes, within 2 units in the last place.
//
// tests/fit_elementary.py fitted the polynomials.  The IEEE operations are the same on every
// instruction set, without branches.  NaN gives NaN; overflow, infinities and denormals give
// the right result.  tanh and erf keep the sign of zero; expm1 and log1p return +0 for -0.
#pragma once

// The coefficients of polynomials begin with the lowest power.
template <class T> struct Fitted;
template <> struct Fitted<float> {
  static constexpr float MAGIC = 0x1.8p23f;  // x + MAGIC has x's nearest integer in its last bits
  static constexpr int BIAS = 127, MANTISSA = 23;
  static constexpr float LOG2E = 0x1.715476p+0f;
  static constexpr float LN2 = 0x1.62e4p-1f, LN2_REST = 0x1.7f7d1cp-20f;  // k * LN2 is exact
  // (e^r - 1 - r) / r^2 for |r| <= ln 2 / 2
  static constexpr float EXPM1[] = {0.49999997f, 0.166665226f, 0.0416676067f, 0.00836923812f,
                                    0.00138560298f};
  // (2 atanh(s) - 2 s) / s^3 in s^2 for (1 + s) / (1 - s) within sqrt(2) of 1
  static constexpr float ATANH[] = {0.666667759f, 0.399775684f, 0.298723936f};
  static constexpr float SQRT_HALF = 0x1.6a09e6p-1f;
  // erf(x) / x - 1 in x^2 for |x| < ERF_SPLIT, log(erfc(x)) / x up to ERF_END
  static constexpr float ERF_SPLIT = 0.93f, ERF_END = 3.95f;
  static constexpr float ERF[] = {0.128379151f,   -0.376124889f,  0.112815537f,
                                  -0.0267527606f, 0.00496918149f, -0.000585764472f};
  static constexpr float LOG_ERFC[] = {-1.12865782f,   -0.63511312f,   -0.106300548f, 0.0238173157f,
                                       -0.0036687667f, 0.000329316303f, -1.18858752e-05f};
  static constexpr float EXP_LOW = -110.0f, EXP_HIGH = 89.0f, EXPM1_LOW = -20.0f;
  static constexpr float TANH_END = 10.0f, SIGMOID_LOW = -110.0f, SIGMOID_HIGH = 30.0f;
  static constexpr int HALF_RANGE = 64;  // 2^n = 2^(n -+ HALF_RANGE) 2^(+-HALF_RANGE), both normal
  static constexpr float UP = 0x1p64f, DOWN = 0x1p-64f;
  static constexpr float SMALLEST = 0x1p-126f, LIFT = 0x1p25f;
  static constexpr int LIFT_BITS = 25;
};
template <> struct Fitted<double> {
  static constexpr double MAGIC = 0x1.8p52;
  static constexpr int BIAS = 1023, MANTISSA = 52;
  static constexpr double LOG2E = 0x1.71547652b82fep+0;
  static constexpr double LN2 = 0x1.62e42fefa2p-1, LN2_REST = 0x1.9ef35793c7673p-41;
  static constexpr double EXPM1[] = {
      0.5,                    0.16666666666666677,    0.041666666666666685,
      0.0083333333333217904,  0.0013888888888893692,  0.00019841269885432746,
      2.4801587282182976e-05, 2.755724494737348e-06,  2.755732103706835e-07,
      2.5108908307225925e-08, 2.0895984806058202e-09};
  static constexpr double ATANH[] = {0.66666666666667107, 0.39999999999535069, 0.28571428720212821,
                                     0.22222200541468898, 0.18183473396013089, 0.15316157233835662,
                                     0.14776611985091917};
  static constexpr double SQRT_HALF = 0x1.6a09e667f3bcdp-1;
  static constexpr double ERF_SPLIT = 1.0, ERF_END = 5.95;
  static constexpr double ERF[] = {
      0.12837916709551259,     -0.37612638903184098,   0.11283791670971098,
      -0.026866170648032369,   0.0052239776527185731,  -0.00085483285382829195,
      0.00012055386331413018,  -1.4926886280463796e-05, 1.6481166607882262e-06,
      -1.6558662212507274e-07, 1.6026575871494877e-08, -1.6529444866819282e-09,
      1.4477066595063783e-10};
  static constexpr double LOG_ERFC[] = {
      -1.1283791082059285,     -0.63662027713157276,   -0.10277072246986632,
      0.019124688936393956,    0.00021253791363769342, -0.0016932756260307951,
      0.00057533252168945608,  4.4851039282738753e-07, -9.51644331416252e-05,
      5.5883197960944234e-05,  -2.029234680969038e-05, 5.3676744288597929e-06,
      -1.0740798229099326e-06, 1.6231679872234447e-07, -1.804031575575217e-08,
      1.3944435766703178e-09,  -6.7013894859554893e-11, 1.5079105732389877e-12};
  static constexpr double EXP_LOW = -750.0, EXP_HIGH = 710.0, EXPM1_LOW = -40.0;
  static constexpr double TANH_END = 20.0, SIGMOID_LOW = -750.0, SIGMOID_HIGH = 45.0;
  static constexpr int HALF_RANGE = 512;
  static constexpr double UP = 0x1p512, DOWN = 0x1p-512;
  static constexpr double SMALLEST = 0x1p-1022, LIFT = 0x1p54;
  static constexpr int LIFT_BITS = 54;
};

template <int N, class T>
INLINE Lanes<T> polynomial(const T (&c)[N], Lanes<T> x) {
  Lanes<T> p = fill(c[N - 1]);
#pragma GCC unroll 32
  for (int i = N - 2; i >= 0; --i) p = fma(p, x, fill(c[i]));
  return p;
}

// 2^n from t = n + MAGIC + BIAS (+ a shift of n), while that is a normal number.
template <class T>
INLINE Lanes<T> power_of_two(Lanes<T> t) {
  return from_bits(shift_left<Fitted<T>::MANTISSA>(bits(t)));
}

#if !defined(__AVX512F__)  // AVX-512 has one instruction for it
// a 2^n, rounded once, for every whole n that a finite result or its overflow needs.
template <class T>
INLINE Lanes<T> scale(Lanes<T> a, Lanes<T> n) {
  using F = Fitted<T>;
  const Mask<T> negative = n < zero<T>();
  const Lanes<T> t = n + select(negative, fill(F::MAGIC + T(F::BIAS + F::HALF_RANGE)),
                                fill(F::MAGIC + T(F::BIAS - F::HALF_RANGE)));
  return (a * power_of_two(t)) * select(negative, fill(F::DOWN), fill(F::UP));
}
#endif

// x, limited to [low, high]; NaN stays NaN.
template <class T>
INLINE Lanes<T> between(T low, T high, Lanes<T> x) {
  return smaller(fill(high), larger(fill(low), x));
}

// e^r - 1 for r = x - n ln 2, |r| <= ln 2 / 2.  COMPENSATED: corrects the rounding error of r.
template <bool COMPENSATED = false, class T>
INLINE Lanes<T> expm1_of_rest(Lanes<T> x, Lanes<T> n) {
  using F = Fitted<T>;
  const Lanes<T> coarse = fnma(n, fill(F::LN2), x);
  const Lanes<T> r = fnma(n, fill(F::LN2_REST), coarse);
  const Lanes<T> q = polynomial(F::EXPM1, r);
  if (!COMPENSATED) return fma(q, r * r, r);
  return r + fma(q, r * r, fnma(n, fill(F::LN2_REST), coarse - r));
}

template <class T>
INLINE Lanes<T> exp(Lanes<T> x) {
  using F = Fitted<T>;
  x = between(F::EXP_LOW, F::EXP_HIGH, x);
  const Lanes<T> n = fma(x, fill(F::LOG2E), fill(F::MAGIC)) - fill(F::MAGIC);
  return scale(expm1_of_rest(x, n) + fill(T(1)), n);
}

// The same for x from about -87 (double: -708) to 0 only.
template <class T>
INLINE Lanes<T> exp_in_range(Lanes<T> x) {
  using F = Fitted<T>;
  const Lanes<T> magic = fill(F::MAGIC + T(F::BIAS));
  const Lanes<T> t = fma(x, fill(F::LOG2E), magic);
  return (expm1_of_rest(x, t - magic) + fill(T(1))) * power_of_two(t);
}

// 2 (2^(n-1) p + 2^(n-1) - 1/2) with p = e^r - 1.
template <class T>
INLINE Lanes<T> expm1(Lanes<T> x) {
  using F = Fitted<T>;
  x = between(F::EXPM1_LOW, F::EXP_HIGH, x);
  const Lanes<T> magic = fill(F::MAGIC + T(F::BIAS - 1));
  const Lanes<T> t = fma(x, fill(F::LOG2E), magic);
  const Lanes<T> s = power_of_two(t);
  const Lanes<T> half = fma(expm1_of_rest(x, t - magic), s, s - fill(T(0.5)));
  return half + half;
}

// (1 - e^-2|x|) / (1 + e^-2|x|).  With e^-2|x| = (1 + p) / s, s = 2^n, numerator and
// denominator are rounded once each: s - 1 and s + 1 are exact as long as p matters.  Floats stay
// within 2 units without compensation, as a test of all of them showed.
template <class T>
INLINE Lanes<T> tanh(Lanes<T> x) {
  using F = Fitted<T>;
  const Lanes<T> half = larger(fill(-F::TANH_END), -abs(x));
  const Lanes<T> y = half + half;
  const Lanes<T> magic = fill(F::MAGIC + T(F::BIAS));
  const Lanes<T> t = fnma(y, fill(F::LOG2E), magic);
  const Lanes<T> p = expm1_of_rest<sizeof(T) == 8>(y, magic - t);
  const Lanes<T> s = power_of_two(t);
  return with_sign(((s - fill(T(1))) - p) / ((s + fill(T(1))) + p), x);
}

// 1 / (1 + e^-x) = s / (s + 1 + p) with e^-x = (1 + p) / s, s = 2^n.  s is multiplied by
// 2^HALF_RANGE, so that the last product rounds once if the result is denormal.  lost: the part
// of a small s that the sum with 1 cannot hold.
template <class T>
INLINE Lanes<T> sigmoid(Lanes<T> x) {
  using F = Fitted<T>;
  const Lanes<T> y = between(-F::SIGMOID_HIGH, -F::SIGMOID_LOW, -x);
  const Lanes<T> magic = fill(F::MAGIC + T(F::BIAS + F::HALF_RANGE));
  const Lanes<T> t = fnma(y, fill(F::LOG2E), magic);
  const Lanes<T> p = expm1_of_rest(y, magic - t);
  const Lanes<T> s = power_of_two(t);
  const Lanes<T> sum = fma(s, fill(F::DOWN), fill(T(1)));
  const Lanes<T> lost = fma(s, fill(F::DOWN), fill(T(1)) - sum);
  return s / (sum + (p + lost)) * fill(F::DOWN);
}

// log((1 + f) 2^k) for 1 + f within sqrt(2) of 1.  With s = f / (2 + f):
// log(1 + f) = 2 atanh(s) = f - (h - s (h + R)), h = f^2 / 2, R = s^2 ATANH(s^2).
template <class T>
INLINE Lanes<T> log_parts(Lanes<T> f, Lanes<T> k) {
  using F = Fitted<T>;
  const Lanes<T> s = f / (f + fill(T(2)));
  const Lanes<T> z = s * s, h = f * f * fill(T(0.5));
  const Lanes<T> tail = fma(s, fma(polynomial(F::ATANH, z), z, h), k * fill(F::LN2_REST));
  return fma(k, fill(F::LN2), f - (h - tail));
}

// The exponent k of x = 2^k m, 1/sqrt(2) <= m < sqrt(2), with BIAS added.
template <class T>
INLINE Ints<T> biased_exponent(Lanes<T> x) {
  using F = Fitted<T>;
  const Ints<T> offset = bits(fill(T(1))) - bits(fill(F::SQRT_HALF));
  return shift_right<F::MANTISSA>(bits(x) + offset);
}
template <class T>
INLINE Lanes<T> small_int(Ints<T> i) {  // i as a number, from 0 to 2^23 (2^52)
  constexpr T BASE = T(1LL << Fitted<T>::MANTISSA);
  return from_bits(i | bits(fill(BASE))) - fill(BASE);
}

template <class T>
INLINE Lanes<T> log(Lanes<T> x) {
  using F = Fitted<T>;
  const Mask<T> denormal = x < fill(F::SMALLEST);
  const Lanes<T> y = select(denormal, x * fill(F::LIFT), x);
  const Ints<T> e = biased_exponent(y);
  const Lanes<T> m = from_bits(bits(y) - shift_left<F::MANTISSA>(e - fill_bits<T>(F::BIAS)));
  const Lanes<T> k = small_int<T>(e) -
                     select(denormal, fill(T(F::BIAS + F::LIFT_BITS)), fill(T(F::BIAS)));
  Lanes<T> result = log_parts(m - fill(T(1)), k);
  result = select(x == fill(T(__builtin_inf())), x, result);
  result = select(x == zero<T>(), fill(T(-__builtin_inf())), result);
  return select(zero<T>() <= x, result, fill(T(__builtin_nan(""))));
}

// For finite x >= 0 (and NaN): 1 + x = 2^k m, f = m - 1 = 2^-k x + (2^-k - 1), rounded once.
template <class T>
INLINE Lanes<T> log1p_positive(Lanes<T> x) {
  using F = Fitted<T>;
  const Ints<T> e = biased_exponent(x + fill(T(1)));
  // 2^(2-k), which is normal for the largest k too
  const Lanes<T> c = from_bits(shift_left<F::MANTISSA>(fill_bits<T>(2 * F::BIAS + 2) - e));
  const Lanes<T> f = fma(x, c, c - fill(T(4))) * fill(T(0.25));
  return log_parts(f, small_int<T>(e) - fill(T(F::BIAS)));
}
template <class T>
INLINE Lanes<T> log1p(Lanes<T> x) {
  Lanes<T> result = log1p_positive(x);
  result = select(x == fill(T(__builtin_inf())), x, result);
  result = select(x == fill(T(-1)), fill(T(-__builtin_inf())), result);
  return select(fill(T(-1)) <= x, result, fill(T(__builtin_nan(""))));
}

// x + x ERF(x^2) near zero, elsewhere 1 - e^(log erfc).
template <class T>
INLINE Lanes<T> erf(Lanes<T> x) {
  using F = Fitted<T>;
  const Lanes<T> t = smaller(fill(F::ERF_END), abs(x));
  const Lanes<T> near = fma(polynomial(F::ERF, t * t), t, t);
  const Lanes<T> far = fill(T(1)) - exp_in_range(polynomial(F::LOG_ERFC, t) * t);
  return with_sign(select(t < fill(F::ERF_SPLIT), near, far), x);
}
