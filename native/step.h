// One chunk of rows through the network: layout of the inputs, forward, loss, backward.
#pragma once

template <class T>
void lay_out(const Program& p, const Rows<T>& rows, const int32_t* order, int64_t first, int count,
             bool classes, T* x, T* y, T* weights) {
  if (p.group_count)
    lay_out_sparse(p, rows, order, first, count, x);
  else
    lay_out_matrix(rows.x, p.inputs, order, first, count, x, p.stride);
  if (y && classes) {
    int64_t* to = reinterpret_cast<int64_t*>(y);
    for (int r = 0; r < count; ++r) to[r] = rows.classes[order ? order[r] : first + r];
  } else if (y) {
    lay_out_matrix(rows.y, p.outputs, order, first, count, y, p.stride);
  }
  if (weights && rows.weights)
    lay_out_matrix(rows.weights, 1, order, first, count, weights, p.stride);
}

// The hidden values that dropout keeps: by a hash of seed, operation, row in the batch and feature.
INLINE uint32_t mix(uint32_t h) {
  h ^= h >> 16;
  h *= 0x7feb352dU;
  h ^= h >> 15;
  h *= 0x846ca68bU;
  return h ^ (h >> 16);
}

template <class T>
void drop(const Operation& op, uint32_t seed, int64_t place, int rows, int64_t stride, const T* in,
          T* out, T* factors) {
  const uint32_t limit = uint32_t(op.a * 4294967296.0 < 4294967295.0 ? op.a * 4294967296.0
                                                                       : 4294967295.0);
  const T kept = T(1.0 / (1.0 - op.a));
  for (int f = 0; f < op.outputs; ++f) {
    const uint32_t key = mix(seed + uint32_t(op.out) * 0x9e3779b9U) + uint32_t(f) * 0x85ebca6bU;
    for (int r = 0; r < rows; ++r) {
      const uint32_t hash = mix(key ^ mix(uint32_t(place + r)));
      const T factor = hash < limit ? T(0) : kept;
      factors[f * stride + r] = factor;
      out[f * stride + r] = factor == T(0) ? T(0) : in[f * stride + r] * factor;
    }
  }
}

// out = in, or out += in, feature by feature.
template <class T>
INLINE void pass(const T* in, T* out, int width, int rows, int64_t stride, bool add) {
  for (int f = 0; f < width; ++f)
    for (int r = 0; r < rows; r += COUNT<T>) {
      const int64_t i = f * stride + r;
      store(out + i, add ? load(out + i) + load(in + i) : load(in + i));
    }
}

template <class T>
struct Walk {  // a chunk on its way through the network
  const Chunk<T>& chunk;
  const Program& program;
  const T* x;
  int rows;  // padded to whole lanes
  int64_t stride;

  T* at(int64_t place) const { return chunk.workspace + place; }
  const T* value(int v) const { return v == 0 ? x : at(program.values_at[v]); }
  T* delta(int v) const { return at(program.deltas_at[v]); }

  // f(place, count) for runs of adjacent numbers: all features at once, or each feature separately.
  template <class F>
  void each_run(int features, F f) const {
    if (rows == stride) return f(int64_t(0), features * stride);
    for (int64_t i = 0; i < features; ++i) f(i * stride, int64_t(rows));
  }
};

template <class T>
void forward(const Walk<T>& w, const Operation& op) {
  const T* in = w.value(op.in);
  T* out = w.at(w.program.values_at[op.out]);
  const T* p = w.chunk.parameters;
  const T* constants = static_cast<const T*>(w.program.constants);
  switch (op.kind) {
    case AFFINE:
      if (op.sparse)
        return forward_sparse(w.program, op, p + op.weight, op.bias < 0 ? nullptr : p + op.bias, in,
                              w.chunk.count, w.rows, w.chunk.workspace, out);
      multiply<T>({p + op.weight, op.inputs, 1, in, w.stride, out, w.stride,
                   op.bias < 0 ? nullptr : p + op.bias, false, op.outputs, w.rows, op.inputs});
      break;
    case ACTIVATION:
      w.each_run(op.outputs, [&](int64_t i, int64_t count) {
        activate(op.function, op.a, op.b, in + i, out + i,
                 op.saved_at >= 0 && w.chunk.gradients ? w.at(op.saved_at) + i : nullptr, count);
      });
      break;
    case LAYER_NORM:
      normalize(in, w.rows, op.outputs, w.stride, T(op.a), op.weight < 0 ? nullptr : p + op.weight,
                op.bias < 0 ? nullptr : p + op.bias, w.at(op.saved_at),
                w.at(op.saved_at) + w.stride, out);
      break;
    case DROPOUT:
      if (w.chunk.training)
        drop(op, w.chunk.seed, w.chunk.place, w.rows, w.stride, in, out, w.at(op.saved_at));
      else if (in != out)
        pass(in, out, op.outputs, w.rows, w.stride, false);
      break;
    case SCALE:
      for (int f = 0; f < op.outputs; ++f) {
        const Lanes<T> factor = fill(constants[op.weight + f]), shift = fill(constants[op.bias + f]);
        for (int r = 0; r < w.rows; r += COUNT<T>)
          store(out + f * w.stride + r, fma(load(in + f * w.stride + r), factor, shift));
      }
      break;
    case ADD: {
      const T* other = w.value(op.in2);
      for (int f = 0; f < op.outputs; ++f)
        for (int r = 0; r < w.rows; r += COUNT<T>)
          store(out + f * w.stride + r, load(in + f * w.stride + r) + load(other + f * w.stride + r));
      break;
    }
  }
}

template <class T>
void affine_gradients(const Walk<T>& w, const Operation& op, const T* d, T* g) {
  const T* in = w.value(op.in);
  const bool learns_bias = op.bias >= 0 && op.learns_bias;
  if (op.learns_weight && learns_bias && !op.sparse &&
      both_gradients(d, in, w.stride, w.stride, w.rows, op.outputs, op.inputs, g + op.weight,
                     op.adds_weight, g + op.bias, op.adds_bias))
    return;
  if (op.learns_weight && op.sparse)
    gradient_sparse(w.program, op, d, in, w.chunk.count, w.rows, w.chunk.workspace, g + op.weight);
  else if (op.learns_weight)
    weight_gradient(d, in, w.stride, w.stride, w.rows, op.outputs, op.inputs, g + op.weight,
                    op.adds_weight, w.at(w.program.scratch_at));
  if (learns_bias) sum_rows(d, w.stride, w.rows, op.outputs, g + op.bias, op.adds_bias);
}

template <class T>
void backward(const Walk<T>& w, const Operation& op) {
  T* d = w.delta(op.out);
  T* g = w.chunk.gradients;
  const T* p = w.chunk.parameters;
  if (op.kind == AFFINE) {
    affine_gradients(w, op, d, g);
    if (op.passes_back)
      multiply<T>({p + op.weight, 1, op.inputs, d, w.stride, w.delta(op.in), w.stride, nullptr,
                   bool(op.adds), op.inputs, w.rows, op.outputs});
    return;
  }
  if (op.kind == LAYER_NORM) {
    normalize_backward(w.value(op.in), d, w.rows, op.outputs, w.stride,
                       op.weight < 0 ? nullptr : p + op.weight, w.at(op.saved_at),
                       w.at(op.saved_at) + w.stride, op.passes_back ? w.delta(op.in) : nullptr,
                       bool(op.adds), op.weight >= 0 && op.learns_weight ? g + op.weight : nullptr,
                       bool(op.adds_weight), op.bias >= 0 && op.learns_bias ? g + op.bias : nullptr,
                       bool(op.adds_bias));
    return;
  }
  if (op.kind == ADD) {
    if (op.passes_back) pass(d, w.delta(op.in), op.outputs, w.rows, w.stride, op.adds);
    if (op.passes_back2) pass(d, w.delta(op.in2), op.outputs, w.rows, w.stride, op.adds2);
    return;
  }
  if (!op.passes_back) return;
  if (op.kind == ACTIVATION) {
    w.each_run(op.outputs, [&](int64_t i, int64_t count) {
      activate_backward(op.function, op.a, op.b, w.value(op.out) + i,
                        op.saved_at >= 0 ? w.at(op.saved_at) + i : nullptr, d + i, count);
    });
  } else if (op.kind == SCALE) {
    const T* factors = static_cast<const T*>(w.program.constants) + op.weight;
    for (int f = 0; f < op.outputs; ++f)
      for (int64_t i = f * w.stride; i < f * w.stride + w.rows; i += COUNT<T>)
        store(d + i, load(d + i) * fill(factors[f]));
  } else if (w.chunk.training) {
    const T* factors = w.at(op.saved_at);
    w.each_run(op.outputs, [&](int64_t start, int64_t count) {
      for (int64_t i = start; i < start + count; i += COUNT<T>) {
        const Lanes<T> factor = load(factors + i);
        store(d + i, select(factor == zero<T>(), zero<T>(), load(d + i) * factor));
      }
    });
  }
  if (!op.in_place) pass(d, w.delta(op.in), op.outputs, w.rows, w.stride, op.adds);
}

template <class T>
void run_chunk(Chunk<T>& c) {
  const Program& p = *c.program;
  constexpr int L = COUNT<T>;
  const bool classes = c.loss && c.loss->kind == CROSS_ENTROPY;
  T* x = c.workspace + p.values_at[0];
  T* y = c.workspace + p.y_at;
  T* weights = c.workspace + p.weights_at;
  if (!c.x_block)
    lay_out(p, c.rows, c.order, c.first, c.count, classes, x, c.loss ? y : nullptr, weights);
  const Walk<T> w{c, p, c.x_block ? c.x_block : x, (c.count + L - 1) / L * L, p.stride};
  for (int i = 0; i < p.operation_count; ++i) forward(w, p.operations[i]);
  const int last = p.operation_count ? p.operations[p.operation_count - 1].out : 0;
  const T* out = w.value(last);
  if (c.outputs)
    for (int r = 0; r < c.count; ++r)
      for (int f = 0; f < p.outputs; ++f) c.outputs[int64_t(r) * p.outputs + f] = out[f * p.stride + r];
  if (!c.loss) return;
  if (c.x_block) y = const_cast<T*>(c.y_block);
  if (c.x_block) weights = const_cast<T*>(c.weights_block);
  const Targets<T> targets{y, reinterpret_cast<const int64_t*>(y),
                           c.rows.weights ? weights : nullptr};
  c.value = loss_of_chunk(*c.loss, targets, c.count, p.outputs, out, p.stride, c.scale,
                          c.gradients ? w.delta(last) : nullptr);
  if (!c.gradients) return;
  for (int i = p.operation_count - 1; i >= 0; --i) backward(w, p.operations[i]);
}

template <class T>
double square_sum(const T* values, int64_t count) {  // in double, 8 lanes
  Lanes<double> total = zero<double>();
  double held[8];
  for (int64_t i = 0; i < count; i += 8) {
    for (int j = 0; j < 8; ++j) held[j] = i + j < count ? double(values[i + j]) : 0.0;
    const Lanes<double> v = load(held);
    total = fma(v, v, total);
  }
  return sum(total);
}
