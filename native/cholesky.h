// Cholesky's factorisation in blocks, the solution of its systems, and the trace of the inverse.
//
// Each element is one chain in the order of k, so the bits are the same on every instruction set.
#pragma once

constexpr int64_t round_up(int64_t count, int64_t to) { return (count + to - 1) / to * to; }

// Columns of a block.  The size alone decides, as results depend on it.
inline int64_t block_columns(int64_t n) { return n <= 96 ? 8 : n <= 512 ? 16 : 48; }

inline int64_t factor_scratch(int64_t n) { return 2 * block_columns(n) * round_up(n, 8); }

// The factor of a block on the diagonal; false if it is not positive definite.
inline bool factor_diagonal(double* a, int64_t n, int64_t size) {
  for (int64_t j = 0; j < size; ++j) {
    double* row = a + j * n;
    double rest = row[j];
    for (int64_t k = 0; k < j; ++k) rest = __builtin_fma(-row[k], row[k], rest);
    if (!(rest > 0)) return false;
    row[j] = __builtin_sqrt(rest);
    for (int64_t i = j + 1; i < size; ++i) {
      double* below = a + i * n;
      double x = below[j];
      for (int64_t k = 0; k < j; ++k) x = __builtin_fma(-below[k], row[k], x);
      below[j] = x / row[j];
    }
  }
  return true;
}

// b (size, count) = L^-1 b, L (size, size) on the diagonal; the columns in the lanes.
inline void solve_block(const double* l, int64_t n, int64_t size, double* b, int64_t b_row,
                        int64_t count) {
  for (int64_t j = 0; j < size; ++j) {
    const Lanes<double> root = fill(l[j * n + j]);
    for (int64_t c = 0; c < count; c += COUNT<double>) {
      Lanes<double> x = load(b + j * b_row + c);
      for (int64_t k = 0; k < j; ++k) x = fnma(fill(l[j * n + k]), load(b + k * b_row + c), x);
      store(b + j * b_row + c, x / root);
    }
  }
}

inline bool factor(double* a, int64_t n, double* scratch) {
  const int64_t block = block_columns(n);
  for (int64_t first = 0; first < n; first += block) {
    const int64_t size = n - first < block ? n - first : block;
    double* diagonal = a + first * n + first;
    if (!factor_diagonal(diagonal, n, size)) return false;
    const int64_t below = n - first - size, padded = round_up(below, 8);
    if (below == 0) continue;
    // the panel below, transposed: its rows in the lanes
    double* panel = scratch;
    double* from = diagonal + size * n;
    for (int64_t j = 0; j < size; ++j) {
      for (int64_t i = 0; i < below; ++i) panel[j * padded + i] = from[i * n + j];
      for (int64_t i = below; i < padded; ++i) panel[j * padded + i] = 0;
    }
    solve_block(diagonal, n, size, panel, padded, padded);
    for (int64_t j = 0; j < size; ++j)
      for (int64_t i = 0; i < below; ++i) {
        const double x = panel[j * padded + i];
        from[i * n + j] = x;
        panel[j * padded + i] = -x;
      }
    for (int64_t row = 0; row < below; row += STRIP) {
      const int64_t many = below - row < STRIP ? below - row : STRIP;
      multiply<double>({from + row * n, n, 1, panel, padded, from + row * n + size, n, nullptr,
                        true, int(many), int(row + many), int(size)});
    }
  }
  return true;
}

// sum over k of a[k] b[k]
inline double dot(const double* a, const double* b, int64_t count) {
  Lanes<double> total = zero<double>();
  int64_t i = 0;
  for (; i + COUNT<double> <= count; i += COUNT<double>) total = fma(load(a + i), load(b + i), total);
  if (i < count) {
    const int rest = int(count - i);
    total = fma(load_first(a + i, rest), load_first(b + i, rest), total);
  }
  return sum(total);
}

inline void solve(const double* factor, int64_t n, double* b) {
  for (int64_t i = 0; i < n; ++i) {
    const double* row = factor + i * n;
    b[i] = (b[i] - dot(row, b, i)) / row[i];
  }
  for (int64_t i = n - 1; i >= 0; --i) {
    const double* row = factor + i * n;
    const double x = b[i] / row[i];
    b[i] = x;
    for (int64_t k = 0; k < i; ++k) b[k] = __builtin_fma(-x, row[k], b[k]);
  }
}

// The squares of L^-1, block of rows after block of rows.
inline double inverse_trace(const double* factor, int64_t n, double* scratch) {
  const int64_t block = block_columns(n), row = round_up(n, 8);
  double total = 0;
  for (int64_t first = 0; first < n; first += block) {
    const int64_t size = n - first < block ? n - first : block;
    const int64_t width = round_up(first + size, 8);
    double* inverse = scratch + first * row;
    for (int64_t i = 0; i < size; ++i)
      for (int64_t c = 0; c < row; ++c) inverse[i * row + c] = 0;
    if (first)
      multiply<double>({factor + first * n, n, 1, scratch, row, inverse, row, nullptr, false,
                        int(size), int(first), int(first)});
    for (int64_t i = 0; i < size; ++i) {
      double* out = inverse + i * row;
      for (int64_t c = 0; c < first; ++c) out[c] = -out[c];
      out[first + i] = 1;
    }
    solve_block(factor + first * n + first, n, size, inverse, row, width);
    for (int64_t i = 0; i < size; ++i) total += dot(inverse + i * row, inverse + i * row, width);
  }
  return total;
}
