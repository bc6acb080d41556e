// Activation functions and their derivatives, as torch defines them.
//
// The derivatives of relu, leaky_relu, elu, tanh and sigmoid are computed from their output, which
// shows the sign of the input if slope and alpha are not negative.  The others store their
// derivative in a buffer during the forward pass.
#pragma once

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

// out = function(z), in place allowed.  Functions that store their derivative write it to
// `derivative` (may be null).  count: a multiple of COUNT<T>.
template <class T>
void activate(int32_t function, double a, double b, const T* z, T* out, T* derivative,
              int64_t count) {
  constexpr int L = COUNT<T>;
  const bool derive = derivative != nullptr;
  Lanes<T> slope = zero<T>();
  switch (function) {
    case IDENTITY:
      if (z != out)
        for (int64_t i = 0; i < count; i += L) store(out + i, load(z + i));
      break;
    case RELU:
      for (int64_t i = 0; i < count; i += L) store(out + i, larger(zero<T>(), load(z + i)));
      break;
    case LEAKY_RELU: {
      const Lanes<T> rate = fill(T(a));
      for (int64_t i = 0; i < count; i += L) {
        const Lanes<T> x = load(z + i);
        if (derive) store(derivative + i, select(zero<T>() < x, fill(T(1)), rate));
        store(out + i, select(zero<T>() < x, x, x * rate));
      }
      break;
    }
    case ELU: {
      const Lanes<T> alpha = fill(T(a));
      for (int64_t i = 0; i < count; i += L) {
        const Lanes<T> x = load(z + i);
        const Lanes<T> below = alpha * expm1(smaller(zero<T>(), x));
        if (derive) store(derivative + i, select(zero<T>() < x, fill(T(1)), below + alpha));
        store(out + i, select(zero<T>() < x, x, below));
      }
      break;
    }
    case TANH:
      for (int64_t i = 0; i < count; i += L) store(out + i, tanh(load(z + i)));
      break;
    case SIGMOID:
      for (int64_t i = 0; i < count; i += L) store(out + i, sigmoid(load(z + i)));
      break;
    case SILU:
      for (int64_t i = 0; i < count; i += L) {
        store(out + i, silu(load(z + i), derive, slope));
        if (derive) store(derivative + i, slope);
      }
      break;
    case GELU:
      for (int64_t i = 0; i < count; i += L) {
        store(out + i, gelu(load(z + i), derive, slope));
        if (derive) store(derivative + i, slope);
      }
      break;
    case GELU_TANH:
      for (int64_t i = 0; i < count; i += L) {
        store(out + i, gelu_tanh(load(z + i), derive, slope));
        if (derive) store(derivative + i, slope);
      }
      break;
    case SOFTPLUS: {
      const Lanes<T> beta = fill(T(a)), threshold = fill(T(b));
      for (int64_t i = 0; i < count; i += L) {
        store(out + i, softplus(load(z + i), beta, threshold, derive, slope));
        if (derive) store(derivative + i, slope);
      }
      break;
    }
  }
}

// d = d f'(z), from the output or from the derivative that `activate` stored.
template <class T>
void activate_backward(int32_t function, double a, double, const T* out, const T* derivative, T* d,
                       int64_t count) {
  constexpr int L = COUNT<T>;
  if (derivative) {
    for (int64_t i = 0; i < count; i += L) store(d + i, load(d + i) * load(derivative + i));
    return;
  }
  switch (function) {
    case RELU:
      for (int64_t i = 0; i < count; i += L)
        store(d + i, select(load(out + i) <= zero<T>(), zero<T>(), load(d + i)));
      break;
    case LEAKY_RELU: {
      const Lanes<T> rate = fill(T(a));
      for (int64_t i = 0; i < count; i += L) {
        const Lanes<T> g = load(d + i);
        store(d + i, select(zero<T>() < load(out + i), g, g * rate));
      }
      break;
    }
    case ELU: {
      const Lanes<T> alpha = fill(T(a));
      for (int64_t i = 0; i < count; i += L) {
        const Lanes<T> g = load(d + i), y = load(out + i);
        store(d + i, select(y <= zero<T>(), g * (y + alpha), g));
      }
      break;
    }
    case TANH:
      for (int64_t i = 0; i < count; i += L) {
        const Lanes<T> y = load(out + i);
        store(d + i, load(d + i) * fnma(y, y, fill(T(1))));
      }
      break;
    case SIGMOID:
      for (int64_t i = 0; i < count; i += L) {
        const Lanes<T> y = load(out + i);
        store(d + i, load(d + i) * ((fill(T(1)) - y) * y));
      }
      break;
  }
}
