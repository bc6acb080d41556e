// The Jacobian of a chunk's residuals, and its products: J^T J and J^T r.
//
// J is stored parameter by parameter, with the rows in the lanes.  After one forward pass each output
// goes backward by itself.
#pragma once

// sum (+)= d[f] in[f], row by row; in: null for 1.
INLINE void jacobian_row(const double* d, const double* in, int rows, bool add, double* out) {
  for (int r = 0; r < rows; r += COUNT<double>) {
    const Lanes<double> x = in ? load(d + r) * load(in + r) : load(d + r);
    store(out + r, add ? load(out + r) + x : x);
  }
}

INLINE void affine_jacobian(const Walk<double>& w, const Operation& op, const double* d,
                            const int64_t* places, double* jacobian) {
  const double* in = w.value(op.in);
  for (int o = 0; o < op.outputs && op.learns_weight; ++o)
    for (int i = 0; i < op.inputs; ++i)
      jacobian_row(d + o * w.stride, in + i * w.stride, w.rows, op.adds_weight,
                   jacobian + (places[op.weight] + int64_t(o) * op.inputs + i) * w.stride);
  if (op.bias < 0 || !op.learns_bias) return;
  for (int o = 0; o < op.outputs; ++o)
    jacobian_row(d + o * w.stride, nullptr, w.rows, op.adds_bias,
                 jacobian + (places[op.bias] + o) * w.stride);
}

// n = (x - mean) inverse: dy/dgamma = n, dy/dbeta = 1.
INLINE void norm_jacobian(const Walk<double>& w, const Operation& op, const double* d,
                          const int64_t* places, double* jacobian) {
  const double* in = w.value(op.in);
  const double* mean = w.at(op.saved_at);
  for (int f = 0; f < op.outputs && op.weight >= 0 && op.learns_weight; ++f) {
    double* out = jacobian + (places[op.weight] + f) * w.stride;
    for (int r = 0; r < w.rows; r += COUNT<double>) {
      const Lanes<double> n =
          (load(in + f * w.stride + r) - load(mean + r)) * load(mean + w.stride + r);
      const Lanes<double> x = load(d + f * w.stride + r) * n;
      store(out + r, op.adds_weight ? load(out + r) + x : x);
    }
  }
  for (int f = 0; f < op.outputs && op.bias >= 0 && op.learns_bias; ++f)
    jacobian_row(d + f * w.stride, nullptr, w.rows, op.adds_bias,
                 jacobian + (places[op.bias] + f) * w.stride);
}

// The derivatives of one output, which `delta` of the last value holds, by all parameters.
INLINE void jacobian_of(const Walk<double>& w, const int64_t* places, double* jacobian) {
  const double* p = w.chunk.parameters;
  for (int i = w.program.operation_count - 1; i >= 0; --i) {
    const Operation& op = w.program.operations[i];
    double* d = w.delta(op.out);
    if (op.kind == AFFINE) {
      affine_jacobian(w, op, d, places, jacobian);
      if (op.passes_back)
        multiply<double>({p + op.weight, 1, op.inputs, d, w.stride, w.delta(op.in), w.stride,
                          nullptr, bool(op.adds), op.inputs, w.rows, op.outputs});
    } else if (op.kind == LAYER_NORM) {
      norm_jacobian(w, op, d, places, jacobian);
      normalize_backward<double>(w.value(op.in), d, w.rows, op.outputs, w.stride,
                                 op.weight < 0 ? nullptr : p + op.weight, w.at(op.saved_at),
                                 w.at(op.saved_at) + w.stride,
                                 op.passes_back ? w.delta(op.in) : nullptr, bool(op.adds), nullptr,
                                 false, nullptr, false);
    } else {
      backward(w, op);
    }
  }
}

constexpr int STRIP = 24;  // rows of a product's strip, of which the part above the diagonal is left

// matrix (+)= J J^T, gradient (+)= J residuals.
INLINE void add_products(const SquaresChunk& s, const double* residuals, int rows, int64_t stride,
                         bool add) {
  const int n = s.columns;
  const int padded = (n + BLOCK<double> - 1) / BLOCK<double> * BLOCK<double>;
  transpose(s.jacobian, stride, padded, rows, s.transposed, s.transposed_row);
  for (int row = 0; row < n; row += STRIP) {
    const int many = n - row < STRIP ? n - row : STRIP;
    multiply<double>({s.jacobian + row * stride, stride, 1, s.transposed, s.transposed_row,
                      s.matrix + int64_t(row) * n, n, nullptr, add, many, row + many, rows});
  }
  gradient_by_lanes(s.jacobian, residuals, stride, stride, rows, n, 1, s.gradient, add);
}

inline void run_squares(SquaresChunk& s) {
  const Program& p = *s.program;
  Chunk<double> c{};
  c.program = &p;
  c.parameters = s.parameters;
  c.workspace = s.workspace;
  c.gradients = s.matrix ? s.workspace : nullptr;  // so that the derivatives are saved
  double* x = s.workspace + p.values_at[0];
  double* y = s.workspace + p.y_at;
  double* roots = s.workspace + p.weights_at;
  lay_out(p, *s.rows, nullptr, s.first, s.count, false, x, y, roots);
  const Walk<double> w{c, p, x, (s.count + COUNT<double> - 1) / COUNT<double> * COUNT<double>,
                       p.stride};
  for (int i = 0; i < p.operation_count; ++i) forward(w, p.operations[i]);
  const int last = p.operation_count ? p.operations[p.operation_count - 1].out : 0;
  const double* out = w.value(last);
  Lanes<double> squares = zero<double>();
  for (int f = 0; f < p.outputs; ++f)
    for (int r = 0; r < w.rows; r += COUNT<double>) {
      double* target = y + f * p.stride + r;
      const Lanes<double> rest = (load(out + f * p.stride + r) - load(target)) * load(roots + r);
      squares = fma(rest, rest, squares);
      store(target, rest);
    }
  s.value = sum(squares);
  if (!s.matrix) return;
  for (int k = 0; k < p.outputs; ++k) {
    double* d = w.delta(last);
    for (int f = 0; f < p.outputs; ++f)
      for (int r = 0; r < w.rows; r += COUNT<double>)
        store(d + f * p.stride + r, f == k ? load(roots + r) : zero<double>());
    jacobian_of(w, s.places, s.jacobian);
    add_products(s, y + k * p.stride, w.rows, p.stride, k > 0);
  }
}
