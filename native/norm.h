// Layer norm: y = (x - mean) / sqrt(variance + eps) * gamma + beta over the features of a row.
//
// The lanes hold rows; the features are summed in their order.
#pragma once

// mean, inverse: (stride,), stored for the backward pass; gamma, beta: null for 1 and 0.
template <class T>
void normalize(const T* in, int rows, int features, int64_t stride, T eps, const T* gamma,
               const T* beta, T* mean, T* inverse, T* out) {
  const Lanes<T> count = fill(T(features));
  for (int r = 0; r < rows; r += COUNT<T>) {
    Lanes<T> total = zero<T>(), squares = zero<T>();
    for (int f = 0; f < features; ++f) total = total + load(in + f * stride + r);
    const Lanes<T> middle = total / count;
    for (int f = 0; f < features; ++f) {
      const Lanes<T> x = load(in + f * stride + r) - middle;
      squares = fma(x, x, squares);
    }
    const Lanes<T> factor = fill(T(1)) / sqrt(squares / count + fill(eps));
    store(mean + r, middle);
    store(inverse + r, factor);
    for (int f = 0; f < features; ++f) {
      Lanes<T> y = (load(in + f * stride + r) - middle) * factor;
      if (gamma) y = y * fill(gamma[f]);
      if (beta) y = y + fill(beta[f]);
      store(out + f * stride + r, y);
    }
  }
}

// d: dLoss/dy, zero after the last row.  With n = (x - mean) inverse and g = d gamma:
// dLoss/dx = inverse (g - (sum g + n sum(g n)) / features), written to dx or added to it
// (null: do not compute it; dx may be d).  dgamma = sum over rows d n, dbeta = sum over rows d,
// written or added (null: do not compute it).
template <class T>
void normalize_backward(const T* in, const T* d, int rows, int features, int64_t stride,
                        const T* gamma, const T* mean, const T* inverse, T* dx, bool add_dx,
                        T* dgamma, bool add_gamma, T* dbeta, bool add_beta) {
  for (int f = 0; f < features && (dgamma || dbeta); ++f) {
    Lanes<T> scaled = zero<T>(), total = zero<T>();
    for (int r = 0; r < rows; r += COUNT<T>) {
      const Lanes<T> g = load(d + f * stride + r);
      const Lanes<T> n = (load(in + f * stride + r) - load(mean + r)) * load(inverse + r);
      scaled = fma(g, n, scaled);
      total = total + g;
    }
    if (dgamma) dgamma[f] = add_gamma ? dgamma[f] + sum(scaled) : sum(scaled);
    if (dbeta) dbeta[f] = add_beta ? dbeta[f] + sum(total) : sum(total);
  }
  if (!dx) return;
  const Lanes<T> count = fill(T(features));
  for (int r = 0; r < rows; r += COUNT<T>) {
    const Lanes<T> middle = load(mean + r), factor = load(inverse + r);
    Lanes<T> total = zero<T>(), along = zero<T>();
    for (int f = 0; f < features; ++f) {
      const Lanes<T> n = (load(in + f * stride + r) - middle) * factor;
      const Lanes<T> g = load(d + f * stride + r) * fill(gamma ? gamma[f] : T(1));
      total = total + g;
      along = fma(g, n, along);
    }
    total = total / count;
    along = along / count;
    for (int f = 0; f < features; ++f) {
      const int64_t i = f * stride + r;
      const Lanes<T> n = (load(in + i) - middle) * factor;
      const Lanes<T> g = load(d + i) * fill(gamma ? gamma[f] : T(1));
      const Lanes<T> slope = (g - fma(n, along, total)) * factor;
      store(dx + i, add_dx ? load(dx + i) + slope : slope);
    }
  }
}
