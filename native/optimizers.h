// One update of the parameters: torch's formulas with fused=True, to the last bit.
//
// SGD, Adam, AdamW and RMSprop; torch has no fused RMSprop on the CPU.  Coefficients are
// computed in double, then cast.  numerics 1.

// Constant and name, for every file.
#ifndef VETRO_OPTIMIZERS
#define VETRO_OPTIMIZERS(X) \
  X(SGD, "sgd")             \
  X(ADAM, "adam")           \
  X(ADAMW, "adamw")         \
  X(RMSPROP, "rmsprop")
#endif

#ifdef VETRO_LANES  // the kernels, which include this file a second time, after lanes.h

// base^t for whole t: repeated squaring in twice the precision, rounded once at the end.
INLINE double power(double base, double t) {
  double high = base, low = 0, result_high = 1, result_low = 0;
  for (int64_t n = int64_t(t);;) {
    if (n & 1) {
      const double product = result_high * high;
      const double rest = __builtin_fma(result_high, high, -product);
      result_low = __builtin_fma(result_high, low, __builtin_fma(result_low, high, rest));
      result_high = product;
    }
    n >>= 1;
    if (!n) return result_high + result_low;
    const double square = high * high;
    low = __builtin_fma(2 * high, low, __builtin_fma(high, high, -square));
    high = square;
  }
}

// 1 - beta^t; if t (1 - beta) is 45 or more, beta^t < 2^-64 is left out.
INLINE double bias_correction(double beta, double t) {
  return t * (1 - beta) > 45 ? 1.0 : 1 - power(beta, t);
}

// The gradient that the optimizer uses; torch's clipping changes the gradient itself.
template <class T>
struct Gradient {
  Lanes<T> factor, limit, decay;
  bool scaled, clamped, maximize, decays;

  explicit Gradient(const Update<T>& u)
      : factor(fill(T(u.gradient_factor))),
        limit(fill(T(u.gradient_limit))),
        decay(fill(T(u.weight_decay))),
        scaled(u.gradient_factor != 1),
        clamped(u.gradient_limit > 0),
        maximize(u.maximize),
        decays(u.weight_decay != 0 && u.kind != ADAMW) {}

  template <class A>
  INLINE Lanes<T> operator()(const Update<T>& u, A a, Lanes<T> p) const {
    Lanes<T> g = a.get(u.gradients);
    if (scaled) g = g * factor;
    if (clamped) g = smaller(limit, larger(-limit, g));
    if (scaled || clamped) a.put(u.gradients, g);
    if (maximize) g = -g;
    if (decays) g = fma(decay, p, g);
    return g;
  }
};

// The numbers of one set of lanes: all, or at the end the first `count`.
template <class T, bool WHOLE>
struct Access {
  int64_t at;
  int count;
  INLINE Lanes<T> get(const T* p) const { return WHOLE ? load(p + at) : load_first(p + at, count); }
  INLINE void put(T* p, Lanes<T> a) const {
    if (WHOLE)
      store(p + at, a);
    else
      store_first(p + at, a, count);
  }
};

template <class T>
struct Sgd {
  Gradient<T> gradient;
  Lanes<T> rate, momentum, undamped;
  bool first, has_momentum, nesterov;

  explicit Sgd(const Update<T>& u)
      : gradient(u),
        rate(fill(T(-u.learning_rate))),
        momentum(fill(T(u.momentum))),
        undamped(fill(T(1 - u.dampening))),
        first(u.first),
        has_momentum(u.momentum != 0),
        nesterov(u.nesterov) {}

  template <class A>
  INLINE void operator()(const Update<T>& u, A a) const {
    const Lanes<T> p = a.get(u.parameters);
    Lanes<T> g = gradient(u, a, p);
    if (has_momentum) {
      const Lanes<T> b = first ? g : fma(undamped, g, momentum * a.get(u.first_moment));
      a.put(u.first_moment, b);
      g = nesterov ? fma(momentum, b, g) : b;
    }
    a.put(u.parameters, fma(rate, g, p));
  }
};

// end = start + w (end - start); torch starts from the other end if w >= 1/2.  SMALL: it is not.
template <class T, bool SMALL = false>
struct Lerp {
  Lanes<T> weight;
  bool small;
  explicit Lerp(double w) : weight(fill(T(w))), small(T(w) < T(0.5)) {
    if (!small) weight = weight - fill(T(1));
  }
  INLINE Lanes<T> operator()(Lanes<T> start, Lanes<T> end) const {
    return fma(weight, end - start, SMALL || small ? start : end);
  }
};

// root / b for one b and many roots, with the division's own rounding but without its cost: two
// corrections of root * (1 / b), of which the second has an exact remainder (Markstein 1990).  The
// root of a number of T is never so small that the remainder would lose digits.  USUAL: b is not
// tiny.
template <class T, bool USUAL>
struct Divisor {
  Lanes<T> divisor, inverse;
  bool usual;

  explicit Divisor(T b) : divisor(fill(b)), inverse(fill(T(1) / b)), usual(b > T(1e-20)) {}
  INLINE Lanes<T> of(Lanes<T> root) const {
    if (!USUAL && !usual) return root / divisor;
    Lanes<T> quotient = root * inverse;
    quotient = fma(fnma(quotient, divisor, root), inverse, quotient);
    quotient = fma(fnma(quotient, divisor, root), inverse, quotient);
    return select(root < fill(T(__builtin_inf())), quotient, root);
  }
};

// PLAIN: without the options that most trainings do not use, so that the loop has no branches.
template <class T, bool PLAIN>
struct Adam {
  Gradient<T> gradient;
  Lerp<T, PLAIN> average;
  Divisor<T, PLAIN> root2;
  bool amsgrad, shrinks;
  Lanes<T> beta2, rest2, eps, step_size, shrink;

  explicit Adam(const Update<T>& u)
      : gradient(u),
        average(1 - u.beta1),
        root2(T(__builtin_sqrt(bias_correction(u.beta2, u.step)))),
        amsgrad(u.amsgrad),
        shrinks(u.kind == ADAMW && u.weight_decay != 0),
        beta2(fill(T(u.beta2))),
        rest2(fill(T(1 - u.beta2))),
        eps(fill(T(u.eps))),
        step_size(fill(T(-(u.learning_rate / bias_correction(u.beta1, u.step))))),
        shrink(fill(T(shrinks ? 1 - u.learning_rate * u.weight_decay : 1))) {}

  bool plain() const {
    return !gradient.scaled && !gradient.clamped && !gradient.maximize && !gradient.decays &&
           average.small && root2.usual && !amsgrad;
  }

  template <class A>
  INLINE void operator()(const Update<T>& u, A a) const {
    Lanes<T> p = a.get(u.parameters);
    const Lanes<T> g = PLAIN ? a.get(u.gradients) : gradient(u, a, p);
    if (PLAIN || shrinks) p = p * shrink;
    const Lanes<T> m = average(a.get(u.first_moment), g);
    Lanes<T> v = a.get(u.second_moment) * beta2;
    v = fma(rest2 * g, g, v);
    a.put(u.first_moment, m);
    a.put(u.second_moment, v);
    if (!PLAIN && amsgrad) {
      v = larger(a.get(u.third), v);
      a.put(u.third, v);
    }
    a.put(u.parameters, p + step_size * m / (root2.of(sqrt(v)) + eps));
  }
};

template <class T>
struct RmsProp {
  Gradient<T> gradient;
  Lerp<T> average;
  Lanes<T> alpha, rest, eps, momentum, rate;
  bool centered, has_momentum;

  explicit RmsProp(const Update<T>& u)
      : gradient(u),
        average(1 - u.alpha),
        alpha(fill(T(u.alpha))),
        rest(fill(T(1 - u.alpha))),
        eps(fill(T(u.eps))),
        momentum(fill(T(u.momentum))),
        rate(fill(T(-u.learning_rate))),
        centered(u.centered),
        has_momentum(u.momentum != 0) {}

  template <class A>
  INLINE void operator()(const Update<T>& u, A a) const {
    const Lanes<T> p = a.get(u.parameters), g = gradient(u, a, p);
    Lanes<T> s = a.get(u.second_moment) * alpha;
    s = fma(rest * g, g, s);
    a.put(u.second_moment, s);
    if (centered) {
      const Lanes<T> mean = average(a.get(u.third), g);
      a.put(u.third, mean);
      s = fnma(mean, mean, s);
    }
    const Lanes<T> root = sqrt(s) + eps;
    if (has_momentum) {
      const Lanes<T> b = a.get(u.first_moment) * momentum + g / root;
      a.put(u.first_moment, b);
      a.put(u.parameters, fma(rate, b, p));
    } else {
      a.put(u.parameters, p + rate * g / root);
    }
  }
};

template <class T, class Rule>
INLINE void update_all(const Update<T>& given, const Rule& made) {
  const Update<T> u = given;  // a local copy, which no store can change
  const Rule rule = made;
  int64_t i = u.begin;
  for (; i + COUNT<T> <= u.end; i += COUNT<T>) rule(u, Access<T, true>{i, COUNT<T>});
  if (i < u.end) rule(u, Access<T, false>{i, int(u.end - i)});
}

template <class T>
void update_parameters(const Update<T>& u) {
  switch (u.kind) {
    case SGD: return update_all(u, Sgd<T>(u));
    case ADAM:
    case ADAMW: {
      const Adam<T, true> rule(u);
      return rule.plain() ? update_all(u, rule) : update_all(u, Adam<T, false>(u));
    }
    case RMSPROP: return update_all(u, RmsProp<T>(u));
  }
}

#endif
