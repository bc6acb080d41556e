// Matrix products, the largest part of all arithmetic.
//
// multiply: each element of C is one chain of fused multiply-adds, in the order of k, starting
// from the bias, from zero or from the content of C.  Register tiles change no bit.
#pragma once

template <class T>
struct Product {  // C (m, n) = start + A (m, k) B (k, n)
  const T* a;
  int64_t a_row, a_col;
  const T* b;
  int64_t b_row;
  T* c;
  int64_t c_row;
  const T* bias;  // (m,), the start; null: zero, or C itself with `add`
  bool add;
  int m, n, k;
};

template <class T, int M, int V, bool RAGGED>
INLINE void tile(const Product<T>& p, int row, int column, int rest) {
  constexpr int W = WIDTH<T>;
  Register<T> sums[M][V];
  T* c = p.c + row * p.c_row + column;
  if (p.bias) {
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      const Register<T> start = spread(p.bias[row + i]);
#pragma GCC unroll 4
      for (int j = 0; j < V; ++j) sums[i][j] = start;
    }
  } else if (p.add) {
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i)
#pragma GCC unroll 4
      for (int j = 0; j < V; ++j)
        sums[i][j] = RAGGED && j == V - 1 ? read_first(c + i * p.c_row + j * W, rest)
                                          : read(c + i * p.c_row + j * W);
  } else {
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i)
#pragma GCC unroll 4
      for (int j = 0; j < V; ++j) sums[i][j] = spread(T(0));
  }
  const T* a = p.a + row * p.a_row;
  const T* b = p.b + column;
  const int64_t a_row = p.a_row, a_col = p.a_col, b_row = p.b_row;
#pragma GCC unroll 2
  for (int k = 0; k < p.k; ++k) {
    Register<T> x[V];
#pragma GCC unroll 4
    for (int j = 0; j < V; ++j) x[j] = read(b + j * W);
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      const Register<T> w = spread(a[i * a_row]);
#pragma GCC unroll 4
      for (int j = 0; j < V; ++j) sums[i][j] = mul_add(w, x[j], sums[i][j]);
    }
    a += a_col;
    b += b_row;
  }
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < V; ++j) {
      if (RAGGED && j == V - 1)
        write_first(c + i * p.c_row + j * W, sums[i][j], rest);
      else
        write(c + i * p.c_row + j * W, sums[i][j]);
    }
}

template <class T, int V, bool RAGGED>
INLINE void low_tile(const Product<T>& p, int rows, int row, int column, int rest) {
  switch (rows) {
    case 1: return tile<T, 1, V, RAGGED>(p, row, column, rest);
    case 2: return tile<T, 2, V, RAGGED>(p, row, column, rest);
    case 3: return tile<T, 3, V, RAGGED>(p, row, column, rest);
    case 4: return tile<T, 4, V, RAGGED>(p, row, column, rest);
    case 5: return tile<T, 5, V, RAGGED>(p, row, column, rest);
  }
}

// Rows are processed in groups of six; the last seven to nine are split into two halves, since a
// tile of one or two rows has too few chains to keep the multipliers busy.
template <class T, int V, bool RAGGED>
void strip(const Product<T>& p, int column, int rest) {
  static_assert(TILE_ROWS == 6, "the halves are for six");
  int row = 0, left = p.m;
  for (; left >= 10 || left == 6; row += 6, left -= 6) tile<T, 6, V, RAGGED>(p, row, column, rest);
  const int half = left > 6 ? left / 2 : 0;
  low_tile<T, V, RAGGED>(p, half, row, column, rest);
  low_tile<T, V, RAGGED>(p, left - half, row + half, column, rest);
}

// An A of at most 4 x 4 stays in registers for all columns; the chains are the same.
template <class T, int M, int K>
void narrow(const Product<T>& p) {
  constexpr int W = WIDTH<T>;
  Register<T> a[M][K], start[M];
#pragma GCC unroll 4
  for (int i = 0; i < M; ++i) {
    start[i] = spread(p.bias ? p.bias[i] : T(0));
#pragma GCC unroll 4
    for (int k = 0; k < K; ++k) a[i][k] = spread(p.a[i * p.a_row + k * p.a_col]);
  }
  const int64_t b_row = p.b_row, c_row = p.c_row;
  for (int column = 0; column < p.n; column += W) {
    Register<T> x[K];
#pragma GCC unroll 4
    for (int k = 0; k < K; ++k) x[k] = read(p.b + k * b_row + column);
#pragma GCC unroll 4
    for (int i = 0; i < M; ++i) {
      Register<T> sum = start[i];
#pragma GCC unroll 4
      for (int k = 0; k < K; ++k) sum = mul_add(a[i][k], x[k], sum);
      write(p.c + i * c_row + column, sum);
    }
  }
}

template <class T, int M>
void narrow_rows(const Product<T>& p) {
  switch (p.k) {
    case 1: return narrow<T, M, 1>(p);
    case 2: return narrow<T, M, 2>(p);
    case 3: return narrow<T, M, 3>(p);
    default: return narrow<T, M, 4>(p);
  }
}

// B's rows must be readable up to the next multiple of the register's width.
template <class T>
void multiply(const Product<T>& p) {
  constexpr int W = WIDTH<T>;
  if (p.m <= 4 && p.k >= 1 && p.k <= 4 && !p.add && p.n % W == 0) {
    switch (p.m) {
      case 1: return narrow_rows<T, 1>(p);
      case 2: return narrow_rows<T, 2>(p);
      case 3: return narrow_rows<T, 3>(p);
      default: return narrow_rows<T, 4>(p);
    }
  }
  int column = 0;
  for (; column + TILE_VECTORS * W <= p.n; column += TILE_VECTORS * W)
    strip<T, TILE_VECTORS, false>(p, column, 0);
  const int rest = p.n - column, vectors = (rest + W - 1) / W, last = rest - (vectors - 1) * W;
  if (!vectors) return;
  if (last == W) {
    if (vectors == 1) strip<T, 1, false>(p, column, 0);
    if (TILE_VECTORS > 2 && vectors == 2) strip<T, 2, false>(p, column, 0);
    if (TILE_VECTORS > 2 && vectors == 3) strip<T, 3, false>(p, column, 0);
    return;
  }
  if (vectors == 1) strip<T, 1, true>(p, column, last);
  if (vectors == 2) strip<T, 2, true>(p, column, last);
  if (TILE_VECTORS > 2 && vectors == 3) strip<T, 3, true>(p, column, last);
  if (TILE_VECTORS > 2 && vectors == 4) strip<T, 4, true>(p, column, last);
}

// G (outputs, inputs) (+)= sum over rows D[o][r] A[k][r]: the rows in the lanes, then the tree.
template <class T, int M, int N>
INLINE void lane_tile(const T* d, const T* a, int64_t stride, int64_t a_stride, int rows, T* g,
                      int64_t g_row, bool add) {
  Lanes<T> sums[M][N];
#pragma GCC unroll 4
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < N; ++j) sums[i][j] = zero<T>();
  for (int r = 0; r < rows; r += COUNT<T>) {
    Lanes<T> x[N];
#pragma GCC unroll 4
    for (int j = 0; j < N; ++j) x[j] = load(a + j * a_stride + r);
#pragma GCC unroll 4
    for (int i = 0; i < M; ++i) {
      const Lanes<T> w = load(d + i * stride + r);
#pragma GCC unroll 4
      for (int j = 0; j < N; ++j) sums[i][j] = fma(w, x[j], sums[i][j]);
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < N; ++j) {
      const T total = sum(sums[i][j]);
      g[i * g_row + j] = add ? g[i * g_row + j] + total : total;
    }
}

template <class T, int M>
INLINE void lane_strip(const T* d, const T* a, int64_t stride, int64_t a_stride, int rows,
                       int inputs, T* g, int64_t g_row, bool add) {
  int k = 0;
  for (; k + LANE_TILE <= inputs; k += LANE_TILE)
    lane_tile<T, M, LANE_TILE>(d, a + k * a_stride, stride, a_stride, rows, g + k, g_row, add);
  a += k * a_stride;
  g += k;
  if (inputs - k == 1) lane_tile<T, M, 1>(d, a, stride, a_stride, rows, g, g_row, add);
  if (LANE_TILE > 2 && inputs - k == 2)
    lane_tile<T, M, 2>(d, a, stride, a_stride, rows, g, g_row, add);
  if (LANE_TILE > 2 && inputs - k == 3)
    lane_tile<T, M, 3>(d, a, stride, a_stride, rows, g, g_row, add);
}

template <class T>
void gradient_by_lanes(const T* d, const T* a, int64_t stride, int64_t a_stride, int rows,
                       int outputs, int inputs, T* g, bool add) {
  int o = 0;
  for (; o + LANE_TILE <= outputs; o += LANE_TILE)
    lane_strip<T, LANE_TILE>(d + o * stride, a, stride, a_stride, rows, inputs, g + o * inputs,
                             inputs, add);
  d += o * stride;
  g += int64_t(o) * inputs;
  if (outputs - o == 1)
    lane_strip<T, 1>(d, a, stride, a_stride, rows, inputs, g, inputs, add);
  if (LANE_TILE > 2 && outputs - o == 2)
    lane_strip<T, 2>(d, a, stride, a_stride, rows, inputs, g, inputs, add);
  if (LANE_TILE > 2 && outputs - o == 3)
    lane_strip<T, 3>(d, a, stride, a_stride, rows, inputs, g, inputs, add);
}

// g[o] (+)= sum over rows D[o][r]: the rows in the lanes, then the tree.  Four sums at a time: a
// single sum would wait for its own last addition.
template <class T, int M>
INLINE void sum_strip(const T* d, int64_t stride, int rows, T* g, bool add) {
  Lanes<T> totals[M];
#pragma GCC unroll 4
  for (int i = 0; i < M; ++i) totals[i] = zero<T>();
  for (int r = 0; r < rows; r += COUNT<T>)
#pragma GCC unroll 4
    for (int i = 0; i < M; ++i) totals[i] = totals[i] + load(d + i * stride + r);
#pragma GCC unroll 4
  for (int i = 0; i < M; ++i) {
    const T total = sum(totals[i]);
    g[i] = add ? g[i] + total : total;
  }
}

template <class T>
void sum_rows(const T* d, int64_t stride, int rows, int outputs, T* g, bool add) {
  int o = 0;
  for (; o + 4 <= outputs; o += 4) sum_strip<T, 4>(d + o * stride, stride, rows, g + o, add);
  switch (outputs - o) {
    case 1: return sum_strip<T, 1>(d + o * stride, stride, rows, g + o, add);
    case 2: return sum_strip<T, 2>(d + o * stride, stride, rows, g + o, add);
    case 3: return sum_strip<T, 3>(d + o * stride, stride, rows, g + o, add);
  }
}

// The gradients of a layer's weights and bias in one pass, with all sums in registers, for one
// register's width of lanes at a time.  Each lane adds as above.
template <class T, int M, int N>
void narrow_gradients(const T* d, const T* a, int64_t stride, int64_t a_stride, int rows, T* g,
                      bool add, T* bias, bool add_bias) {
  constexpr int W = WIDTH<T>, L = COUNT<T>;
  alignas(64) T held[M][N + 1][L];
  for (int part = 0; part < L; part += W) {
    Register<T> sums[M][N + 1];
#pragma GCC unroll 4
    for (int i = 0; i < M; ++i)
#pragma GCC unroll 5
      for (int j = 0; j <= N; ++j) sums[i][j] = spread(T(0));
    for (int r = part; r < rows; r += L) {
      Register<T> x[N];
#pragma GCC unroll 4
      for (int j = 0; j < N; ++j) x[j] = read(a + j * a_stride + r);
#pragma GCC unroll 4
      for (int i = 0; i < M; ++i) {
        const Register<T> w = read(d + i * stride + r);
#pragma GCC unroll 4
        for (int j = 0; j < N; ++j) sums[i][j] = mul_add(w, x[j], sums[i][j]);
        sums[i][N] = sums[i][N] + w;
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < M; ++i)
#pragma GCC unroll 5
      for (int j = 0; j <= N; ++j) write(held[i][j] + part, sums[i][j]);
  }
  for (int i = 0; i < M; ++i) {
    for (int j = 0; j < N; ++j) {
      const T total = sum(load(held[i][j]));
      g[i * N + j] = add ? g[i * N + j] + total : total;
    }
    const T total = sum(load(held[i][N]));
    bias[i] = add_bias ? bias[i] + total : total;
  }
}

// Returns whether a layer is narrow enough (at most 4 x 4); if so, computes both its gradients.  If
// the set has too few registers, it uses the same lanes in two passes, because the order of a
// layer's sums must depend on its shape alone.
template <class T>
bool both_gradients(const T* d, const T* a, int64_t stride, int64_t a_stride, int rows,
                    int outputs, int inputs, T* g, bool add, T* bias, bool add_bias) {
#define CASE(M, N)                                                                           \
  if (outputs == M && inputs == N) {                                                         \
    if constexpr (M * N + M + N + 1 <= REGISTERS) {                                          \
      narrow_gradients<T, M, N>(d, a, stride, a_stride, rows, g, add, bias, add_bias);       \
    } else {                                                                                 \
      gradient_by_lanes(d, a, stride, a_stride, rows, outputs, inputs, g, add);              \
      sum_rows(d, stride, rows, outputs, bias, add_bias);                                    \
    }                                                                                        \
    return true;                                                                             \
  }
  CASE(1, 1) CASE(1, 2) CASE(1, 3) CASE(1, 4) CASE(2, 1) CASE(2, 2) CASE(2, 3) CASE(2, 4)
  CASE(3, 1) CASE(3, 2) CASE(3, 3) CASE(3, 4) CASE(4, 1) CASE(4, 2) CASE(4, 3) CASE(4, 4)
#undef CASE
  return false;
}

// The weights' gradient by the cheaper of two ways: with the rows in the lanes, or with A
// transposed and the inputs in the lanes.  The shapes alone decide.  rows: padded to whole lanes.
template <class T>
void weight_gradient(const T* d, const T* a, int64_t stride, int64_t a_stride, int rows,
                     int outputs, int inputs, T* g, bool add, T* scratch) {
  constexpr int L = COUNT<T>;
  const int64_t padded = (inputs + L - 1) / L * L;
  const int64_t by_lanes = int64_t(outputs) * inputs * (rows / L + 7);
  const int64_t by_inputs = (int64_t(outputs) * rows + rows * 6) * (padded / L);
  if (by_lanes <= by_inputs)
    return gradient_by_lanes(d, a, stride, a_stride, rows, outputs, inputs, g, add);
  const int64_t scratch_row = padded + (padded % 128 ? 0 : L);
  transpose(a, a_stride, int(padded), rows, scratch, scratch_row);
  multiply<T>({d, stride, 1, scratch, scratch_row, g, inputs, nullptr, add, outputs, inputs, rows});
}

template <class T>
INLINE void add_to(T* sum, const T* term, int64_t count) {
  constexpr int L = COUNT<T>;
  int64_t i = 0;
  for (; i + L <= count; i += L) store(sum + i, load(sum + i) + load(term + i));
  if (i < count)
    store_first(sum + i, load_first(sum + i, count - i) + load_first(term + i, count - i),
                int(count - i));
}
