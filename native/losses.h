// Losses of one chunk and their gradients, as torch defines them.
//
// The lanes hold rows.  The lanes of each feature are summed by the tree, then the features in
// order, in double.  A row's weight multiplies its loss.

// Constant and name, for every file.
#ifndef VETRO_LOSSES
#define VETRO_LOSSES(X)                        \
  X(MSE, "mse")                                \
  X(L1, "l1")                                  \
  X(SMOOTH_L1, "smooth_l1") /* a: beta */      \
  X(HUBER, "huber")         /* a: delta */     \
  X(BCE_LOGITS, "bce")                         \
  X(CROSS_ENTROPY, "cross_entropy") /* a: label smoothing */
#endif

#ifdef VETRO_LANES  // the kernels, which include this file a second time, after lanes.h

// One element's loss and its slope.
template <class T>
struct Element {
  Lanes<T> loss, slope;
};

template <class T>
INLINE Lanes<T> sign_of(Lanes<T> x) {  // -1, 0 or 1
  return select(x == zero<T>(), zero<T>(), copy_sign(fill(T(1)), x));
}

template <int32_t KIND, class T>
INLINE Element<T> element_loss(Lanes<T> a, Lanes<T> out, Lanes<T> y,
                               Lanes<T> positive_weight) {
  const Lanes<T> half = fill(T(0.5)), e = out - y, size = abs(e);
  switch (KIND) {
    case MSE: return {e * e, e + e};
    case L1: return {size, sign_of(e)};
    case SMOOTH_L1: {  // a: beta; 0 is L1
      const Mask<T> small = size < a;
      return {select(small, half * e * e / a, size - half * a), select(small, e / a, sign_of(e))};
    }
    case HUBER: {  // a: delta
      const Mask<T> small = size <= a;
      return {select(small, half * e * e, a * (size - half * a)),
              select(small, e, a * sign_of(e))};
    }
    default: {  // BCE_LOGITS: (1 - y) x + (1 + (w - 1) y) (log(1 + e^-|x|) + max(-x, 0))
      const Lanes<T> one = fill(T(1)), weighted = positive_weight * y, rest = one - y;
      const Lanes<T> surprise = log1p_positive(exp(-abs(out))) + larger(zero<T>(), -out);
      const Lanes<T> factor = weighted + rest;
      return {fma(factor, surprise, rest * out), fma(factor, sigmoid(out), -weighted)};
    }
  }
}

template <int32_t KIND, class T>
double elementwise_loss(const Loss<T>& loss, const Targets<T>& targets, int rows, int outputs,
                        const T* out, int64_t stride, double scale, T* delta) {
  double total = 0;
  const Lanes<T> a = fill(T(loss.a)), factor = fill(T(scale));
  for (int o = 0; o < outputs; ++o) {
    const Lanes<T> class_weight = fill(loss.class_weights ? loss.class_weights[o] : T(1));
    const Lanes<T> positive = fill(loss.positive_weights ? loss.positive_weights[o] : T(1));
    Lanes<T> losses = zero<T>();
    const auto at = [&](int r, auto real) {
      const int64_t i = o * stride + r;
      Element<T> e = element_loss<KIND>(a, load(out + i), load(targets.y + i), positive);
      if (loss.class_weights) e = {e.loss * class_weight, e.slope * class_weight};
      if (targets.weights) {
        const Lanes<T> w = load(targets.weights + r);
        e = {e.loss * w, e.slope * w};
      }
      losses = losses + real(e.loss);
      if (delta) store(delta + i, real(e.slope * factor));
    };
    const int whole = rows / COUNT<T> * COUNT<T>;
    for (int r = 0; r < whole; r += COUNT<T>) at(r, [](Lanes<T> x) { return x; });
    if (whole < rows) {
      const Mask<T> real = first_lanes<T>(rows - whole);
      at(whole, [real](Lanes<T> x) { return select(real, x, zero<T>()); });
    }
    total += double(sum(losses));
  }
  return total * scale;
}

// For COUNT<T> rows: the class as a number (-1 if the row does not count), and the weight of the
// class.
template <class T>
struct ClassLanes {
  Lanes<T> number, weight;
};

template <class T>
INLINE ClassLanes<T> class_lanes(const Loss<T>& loss, const int64_t* classes, int count) {
  alignas(64) T number[COUNT<T>], weight[COUNT<T>];
  for (int i = 0; i < COUNT<T>; ++i) {
    const bool counts = i < count && classes[i] != loss.ignored;
    number[i] = counts ? T(classes[i]) : T(-1);
    weight[i] = counts ? (loss.class_weights ? loss.class_weights[classes[i]] : T(1)) : T(0);
  }
  return {load(number), load(weight)};
}

// With l = log softmax(x), w class weights, s smoothing, K outputs:
// loss = -(1 - s) w_y l_y - s / K sum_k w_k l_k;
// slope_k = p_k ((1 - s) w_y + s / K sum w) - [k = y] (1 - s) w_y - s / K w_k.
template <class T>
double cross_entropy(const Loss<T>& loss, const Targets<T>& targets, int rows, int outputs,
                     const T* out, int64_t stride, double scale, T* delta) {
  const T smoothing = T(loss.a), share = T(loss.a / outputs);
  T weight_sum = 0;
  for (int k = 0; k < outputs; ++k) weight_sum += loss.class_weights ? loss.class_weights[k] : T(1);
  Lanes<T> losses = zero<T>();
  for (int r = 0; r < rows; r += COUNT<T>) {
    const ClassLanes<T> target = class_lanes(loss, targets.classes + r, rows - r);
    const Mask<T> counts = zero<T>() <= target.number;
    Lanes<T> top = load(out + r);
    for (int k = 1; k < outputs; ++k) top = larger(top, load(out + k * stride + r));
    Lanes<T> total = zero<T>(), own = zero<T>(), spread_loss = zero<T>();
    for (int k = 0; k < outputs; ++k) {
      const Lanes<T> x = load(out + k * stride + r) - top;
      const Lanes<T> power = exp(x);
      total = total + power;
      own = select(target.number == fill(T(k)), x, own);
      if (smoothing != 0)
        spread_loss = fma(fill(loss.class_weights ? loss.class_weights[k] : T(1)), x, spread_loss);
      if (delta) store(delta + k * stride + r, power);
    }
    const Lanes<T> log_total = log(total);
    const Lanes<T> own_weight = fill(T(1) - smoothing) * target.weight;
    Lanes<T> value = own_weight * (log_total - own);
    if (smoothing != 0)
      value = fma(fill(share), fma(fill(weight_sum), log_total, -spread_loss), value);
    Lanes<T> factor = fill(T(scale));
    if (targets.weights) {
      const Lanes<T> w = load(targets.weights + r);
      value = value * w;
      factor = factor * w;
    }
    losses = losses + select(counts, value, zero<T>());
    if (!delta) continue;
    const Lanes<T> all = fma(fill(share), fill(weight_sum), own_weight) / total;
    for (int k = 0; k < outputs; ++k) {
      const T weight = loss.class_weights ? loss.class_weights[k] : T(1);
      Lanes<T> slope = load(delta + k * stride + r) * all;
      slope = slope - select(target.number == fill(T(k)), own_weight, zero<T>());
      if (smoothing != 0) slope = slope - fill(share * weight);
      // with a single class there is nothing to learn, and rounding must not change anything
      if (outputs == 1) slope = zero<T>();
      store(delta + k * stride + r, select(counts, slope * factor, zero<T>()));
    }
  }
  return double(sum(losses)) * scale;
}

// scale * the sum of the losses of all rows and outputs.  delta = dLoss/dout, including scale,
// 0 after the last row (null: do not compute it).
template <class T>
double loss_of_chunk(const Loss<T>& loss, const Targets<T>& targets, int rows, int outputs,
                     const T* out, int64_t stride, double scale, T* delta) {
  switch (loss.kind) {
    case MSE: return elementwise_loss<MSE>(loss, targets, rows, outputs, out, stride, scale, delta);
    case L1: return elementwise_loss<L1>(loss, targets, rows, outputs, out, stride, scale, delta);
    case SMOOTH_L1:
      return elementwise_loss<SMOOTH_L1>(loss, targets, rows, outputs, out, stride, scale, delta);
    case HUBER:
      return elementwise_loss<HUBER>(loss, targets, rows, outputs, out, stride, scale, delta);
    case BCE_LOGITS:
      return elementwise_loss<BCE_LOGITS>(loss, targets, rows, outputs, out, stride, scale, delta);
    default: return cross_entropy(loss, targets, rows, outputs, out, stride, scale, delta);
  }
}

// The divisor of a mean: the class weights of the rows that count, summed in double.
template <class T>
double cross_entropy_divisor(const Loss<T>& loss, const int64_t* classes, int64_t count) {
  double total = 0;
  for (int64_t i = 0; i < count; ++i)
    if (classes[i] != loss.ignored)
      total += loss.class_weights ? double(loss.class_weights[classes[i]]) : 1.0;
  return total;
}

#endif
