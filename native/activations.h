// The activation functions: their list for every file, their formulas for the kernels.
//
// The derivatives of relu, leaky_relu, elu, tanh and sigmoid are computed from their output, which
// shows the sign of the input if slope and alpha are not negative.  The others store their
// derivative in a buffer during the forward pass.

// Constant, name, and whether the derivative is stored, which may depend on the first number `a`.
#ifndef VETRO_ACTIVATIONS
#define VETRO_ACTIVATIONS(X)                                    \
  X(IDENTITY, "identity", false)                                \
  X(RELU, "relu", false)                                        \
  X(LEAKY_RELU, "leaky_relu", a < 0)   /* a: slope below zero */ \
  X(ELU, "elu", a < 0)                 /* a: alpha */           \
  X(TANH, "tanh", false)                                        \
  X(SIGMOID, "sigmoid", false)                                  \
  X(SILU, "silu", true)                                         \
  X(GELU, "gelu", true)                                         \
  X(GELU_TANH, "gelu_tanh", true)                               \
  X(SOFTPLUS, "softplus", true)        /* a: beta, b: threshold */
#endif

#ifdef VETRO_LANES  // the kernels, which include this file a second time, after lanes.h

// A function and its derivative; derive: whether to compute `slope`.
template <class T>
INLINE Lanes<T> silu(Lanes<T> z, bool derive, Lanes<T>& slope) {
  const Lanes<T> s = sigmoid(z);
  if (derive) slope = s * fma(z, fill(T(1)) - s, fill(T(1)));
  return z * s;
}

// z Phi(z), Phi the distribution function of the normal distribution.
template <class T>
INLINE Lanes<T> gelu(Lanes<T> z, bool derive, Lanes<T>& slope) {
  const Lanes<T> half = fill(T(0.5));
  const Lanes<T> phi = fma(half, erf(z * fill(T(0.70710678118654752))), half);
  if (derive) {
    const Lanes<T> density = exp(z * z * fill(T(-0.5))) * fill(T(0.39894228040143268));
    slope = fma(z, density, phi);
  }
  return z * phi;
}

// z (1 + tanh(inner)) / 2, inner = sqrt(2 / pi) (z + 0.044715 z^3).
template <class T>
INLINE Lanes<T> gelu_tanh(Lanes<T> z, bool derive, Lanes<T>& slope) {
  const T beta = T(0.79788456080286536), kappa = T(0.044715);
  const Lanes<T> half = fill(T(0.5)), square = z * z;
  const Lanes<T> inner = fill(beta) * z * fma(fill(kappa), square, fill(T(1)));
  const Lanes<T> t = tanh(inner);
  const Lanes<T> share = fma(half, t, half);
  if (derive) {
    const Lanes<T> inner_slope = fill(beta) * fma(fill(3 * kappa), square, fill(T(1)));
    slope = fma(half * z * fnma(t, t, fill(T(1))), inner_slope, share);
  }
  return z * share;
}

// log(1 + e^(beta z)) / beta, or z itself if beta z > threshold; e^-|beta z| cannot overflow.
template <class T>
INLINE Lanes<T> softplus(Lanes<T> z, Lanes<T> beta, Lanes<T> threshold, bool derive,
                         Lanes<T>& slope) {
  const Lanes<T> scaled = z * beta;
  const Mask<T> linear = threshold < scaled;
  if (derive) slope = select(linear, fill(T(1)), sigmoid(scaled));
  const Lanes<T> soft = larger(zero<T>(), scaled) + log1p_positive(exp(-abs(scaled)));
  return select(linear, z, soft / beta);
}

// out = formula(z, slope), in place allowed; the slope goes to `derivative` if that is not null.
template <class T, class F>
INLINE void map(const T* z, T* out, T* derivative, int64_t count, F formula) {
  Lanes<T> slope = zero<T>();
  for (int64_t i = 0; i < count; i += COUNT<T>) {
    store(out + i, formula(load(z + i), slope));
    if (derivative) store(derivative + i, slope);
  }
}

// d = d slope(out).
template <class T, class F>
INLINE void map_back(const T* out, T* d, int64_t count, F slope) {
  for (int64_t i = 0; i < count; i += COUNT<T>) store(d + i, slope(load(out + i), load(d + i)));
}

// out = function(z), in place allowed.  Functions that store their derivative write it to
// `derivative` (may be null).  count: a multiple of COUNT<T>.
template <class T>
void activate(int32_t function, double a, double b, const T* z, T* out, T* derivative,
              int64_t count) {
  using L = Lanes<T>;
  const bool derive = derivative != nullptr;
  const L one = fill(T(1)), number = fill(T(a)), other = fill(T(b));
  T* const none = nullptr;
  switch (function) {
    case IDENTITY:
      if (z != out) map(z, out, none, count, [](L x, L&) { return x; });
      break;
    case RELU:
      map(z, out, none, count, [](L x, L&) { return larger(zero<T>(), x); });
      break;
    case LEAKY_RELU:
      map(z, out, derivative, count, [=](L x, L& slope) {
        if (derive) slope = select(zero<T>() < x, one, number);
        return select(zero<T>() < x, x, x * number);
      });
      break;
    case ELU:
      map(z, out, derivative, count, [=](L x, L& slope) {
        const L below = number * expm1(smaller(zero<T>(), x));
        if (derive) slope = select(zero<T>() < x, one, below + number);
        return select(zero<T>() < x, x, below);
      });
      break;
    case TANH:
      map(z, out, none, count, [](L x, L&) { return tanh(x); });
      break;
    case SIGMOID:
      map(z, out, none, count, [](L x, L&) { return sigmoid(x); });
      break;
    case SILU:
      map(z, out, derivative, count, [=](L x, L& slope) { return silu(x, derive, slope); });
      break;
    case GELU:
      map(z, out, derivative, count, [=](L x, L& slope) { return gelu(x, derive, slope); });
      break;
    case GELU_TANH:
      map(z, out, derivative, count, [=](L x, L& slope) { return gelu_tanh(x, derive, slope); });
      break;
    case SOFTPLUS:
      map(z, out, derivative, count,
          [=](L x, L& slope) { return softplus(x, number, other, derive, slope); });
      break;
  }
}

// d = d f'(z), from the output or from the derivative that `activate` stored.
template <class T>
void activate_backward(int32_t function, double a, double, const T* out, const T* derivative, T* d,
                       int64_t count) {
  using L = Lanes<T>;
  const L one = fill(T(1)), number = fill(T(a));
  if (derivative) return map_back(derivative, d, count, [](L slope, L g) { return g * slope; });
  switch (function) {
    case RELU:
      map_back(out, d, count, [](L y, L g) { return select(y <= zero<T>(), zero<T>(), g); });
      break;
    case LEAKY_RELU:
      map_back(out, d, count, [=](L y, L g) { return select(zero<T>() < y, g, g * number); });
      break;
    case ELU:
      map_back(out, d, count,
               [=](L y, L g) { return select(y <= zero<T>(), g * (y + number), g); });
      break;
    case TANH:
      map_back(out, d, count, [=](L y, L g) { return g * fnma(y, y, one); });
      break;
    case SIGMOID:
      map_back(out, d, count, [=](L y, L g) { return g * ((one - y) * y); });
      break;
  }
}

#endif
