// Groups of inputs as codes: categories (one-hot columns) and numbers in bins (piecewise linear
// columns), so that no zeros and ones are multiplied.
//
// A category adds the weights' column that its code gives.  A number adds the sum of the columns
// of its full bins, and the share of the broken one: rows are sorted by bins, so that this sum runs
// along with the bins.  The gradient runs the other way.  The lanes hold outputs.
#pragma once

template <class T>
struct CodedGroup {  // a group of inputs, for the rows of a chunk
  int first, size;
  bool piecewise;
  int32_t* codes;  // one-hot, (rows,): the column, or -1
  int32_t* ends;   // piecewise, (size,): the rows of bin k are those before ends[k], in `order`
  int32_t* order;  // (rows,): sorted by bins, and within a bin as they come
  int32_t* bins;   // (rows,): in this order
  T* shares;       // (rows,): in this order

  // x: the chunk's dense columns (dense columns, stride), then the groups, each at its place.
  CodedGroup(const Program& p, const InputGroup& group, const T* x)
      : first(group.first), size(group.size), piecewise(group.piecewise) {
    T* at = const_cast<T*>(x) + group.at;
    codes = ends = reinterpret_cast<int32_t*>(at);
    at += (size + 1 + 15) / 16 * 16;
    order = reinterpret_cast<int32_t*>(at);
    bins = reinterpret_cast<int32_t*>(at + p.stride);
    shares = at + 2 * p.stride;
  }
};

template <class T>
void lay_out_sparse(const Program& p, const Rows<T>& rows, const int32_t* order, int64_t first,
                    int count, T* x) {
  const int padded = (count + COUNT<T> - 1) / COUNT<T> * COUNT<T>;
  const int64_t groups = p.group_count;
  const auto number = [&](int r) { return order ? int64_t(order[r]) : first + r; };
  for (int r = 0; r < count && order; ++r) {
    __builtin_prefetch(rows.codes + number(r) * groups);
    __builtin_prefetch(rows.shares + number(r) * groups);
    __builtin_prefetch(rows.dense + number(r) * p.dense_count);
  }
  lay_out_matrix(rows.dense, p.dense_count, order, first, count, x, p.stride);
  for (int g = 0; g < groups; ++g) {
    const CodedGroup<T> group(p, p.groups[g], x);
    const int32_t* codes = rows.codes + g;
    const T* shares = rows.shares + g;
    if (!group.piecewise) {
      for (int r = 0; r < padded; ++r) group.codes[r] = r < count ? codes[number(r) * groups] : -1;
      continue;
    }
    for (int k = 0; k <= group.size; ++k) group.ends[k] = 0;
    for (int r = 0; r < count; ++r) ++group.ends[codes[number(r) * groups] + 1];
    for (int k = 0, end = 0; k < group.size; ++k) group.ends[k] = end += group.ends[k];
    for (int r = 0; r < count; ++r) {  // ends[k] moves from the begin of bin k to its end
      const int64_t from = number(r) * groups;
      const int32_t to = group.ends[codes[from]]++;
      group.bins[to] = codes[from];
      group.order[to] = r;
      group.shares[to] = shares[from];
    }
  }
}

template <class T>
struct Sparse {  // the first layer's weights or gradients, and its buffers in the chunk's workspace
  const Program& p;
  int outputs, padded;  // padded: to whole lanes
  int64_t inputs;
  T* held;    // (outputs, dense columns), then (columns of the groups, padded): if by rows
  T* sums;    // (columns of a group, a tile): if by columns
  T* by_row;  // (rows, padded)

  Sparse(const Program& program, const Operation& op, T* workspace)
      : p(program), outputs(op.outputs), padded((outputs + COUNT<T> - 1) / COUNT<T> * COUNT<T>),
        inputs(op.inputs), held(workspace + p.sparse_at), sums(held),
        by_row(held + int64_t(padded) * (p.dense_count + p.coded_count)) {}

  // From column to column of a group's weights.
  int64_t step() const { return p.by_columns ? outputs : padded; }

  // f(group, place of its weights after those of the dense columns)
  template <class F>
  void each_group(const T* x, F f) const {
    int64_t column = 0;
    for (int g = 0; g < p.group_count; ++g) {
      f(CodedGroup<T>(p, p.groups[g], x), column * step());
      column += p.groups[g].size;
    }
  }

  // f(first output, lanes, outputs in the last lane) for tiles of the outputs, whose sums stay in
  // registers
  template <class F>
  void each_tile(F f) const {
    constexpr int L = COUNT<T>;
    int o = 0;
    for (; o + LANE_TILE * L <= outputs; o += LANE_TILE * L) f(o, Tile<LANE_TILE>(), L);
    for (; o < outputs; o += L) f(o, Tile<1>(), outputs - o < L ? outputs - o : L);
  }
  template <int N>
  struct Tile {
    static constexpr int lanes = N;
  };
};

// M lanes, of which the last one holds the first `rest` numbers.
template <class T, int M>
INLINE Lanes<T> load_tile(const T* from, int i, int rest) {
  return M > 1 || rest == COUNT<T> ? load(from + i * COUNT<T>) : load_first(from, rest);
}

// by_row += the weights of each row's full bins, summed in the order of the bins, and the share of
// those of its broken one.  sums: room for (bins, M lanes).
template <class T, int M>
void add_shares(const CodedGroup<T>& group, const T* weights, int64_t step, int rows, int rest,
                T* sums, T* by_row, int64_t padded) {
  constexpr int L = COUNT<T>;
  Lanes<T> full[M];
#pragma GCC unroll 4
  for (int i = 0; i < M; ++i) full[i] = zero<T>();
  const int last = group.bins[rows - 1];
  for (int k = 0; k <= last; ++k)
#pragma GCC unroll 4
    for (int i = 0; i < M; ++i) {
      store(sums + (k * M + i) * L, full[i]);
      full[i] = full[i] + load_tile<T, M>(weights + k * step, i, rest);
    }
  for (int r = 0; r < rows; ++r) {
    T* sum = by_row + group.order[r] * padded;
    const T* bin = weights + group.bins[r] * step;
    const T* below = sums + group.bins[r] * M * L;
    const Lanes<T> share = fill(group.shares[r]);
#pragma GCC unroll 4
    for (int i = 0; i < M; ++i)
      store(sum + i * L, fma(share, load_tile<T, M>(bin, i, rest),
                             load(sum + i * L) + load(below + i * L)));
  }
}

// The gradients of a group's weights: of a bin, the deltas of all rows that fill it, from the last
// bin down, and the share of those that fill it partly.
template <class T, int M>
void sum_shares(const CodedGroup<T>& group, const T* by_row, int64_t padded, int rest,
                T* gradients, int64_t step) {
  constexpr int L = COUNT<T>;
  Lanes<T> full[M];
#pragma GCC unroll 4
  for (int i = 0; i < M; ++i) full[i] = zero<T>();
  gradients += (group.size - 1) * step;
  for (int k = group.size - 1; k >= 0; --k, gradients -= step) {
    Lanes<T> filled[M], broken[M];
#pragma GCC unroll 4
    for (int i = 0; i < M; ++i) filled[i] = broken[i] = zero<T>();
    for (int r = k ? group.ends[k - 1] : 0; r < group.ends[k]; ++r) {
      const T* delta = by_row + group.order[r] * padded;
      const Lanes<T> share = fill(group.shares[r]);
#pragma GCC unroll 4
      for (int i = 0; i < M; ++i) {
        const Lanes<T> own = load(delta + i * L);
        broken[i] = fma(share, own, broken[i]);
        filled[i] = filled[i] + own;
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < M; ++i) {
      if (M > 1 || rest == L)
        store(gradients + i * L, full[i] + broken[i]);
      else
        store_first(gradients, full[i] + broken[i], rest);
      full[i] = full[i] + filled[i];
    }
  }
}

// count: of rows; rows: padded to whole lanes
template <class T>
void forward_sparse(const Program& p, const Operation& op, const T* weight, const T* bias,
                    const T* x, int count, int rows, T* workspace, T* out) {
  const Sparse<T> s(p, op, workspace);
  const T* dense = p.by_columns ? weight : s.held;
  const T* coded = dense + int64_t(s.outputs) * p.dense_count;
  if (!p.by_columns) {
    for (int o = 0; o < s.outputs; ++o)
      for (int j = 0; j < p.dense_count; ++j)
        s.held[int64_t(o) * p.dense_count + j] = weight[o * s.inputs + p.dense_columns[j]];
    s.each_group(x, [&](const CodedGroup<T>& group, int64_t at) {
      transpose_part(weight + group.first, s.inputs, s.outputs, group.size,
                     const_cast<T*>(coded) + at, s.padded, s.padded);
    });
  }
  for (int o = 0; o < s.padded; ++o) s.by_row[o] = bias && o < s.outputs ? bias[o] : T(0);
  for (int r = 1; r < rows; ++r) copy_lanes(s.by_row, s.by_row + int64_t(r) * s.padded, s.padded);
  s.each_group(x, [&](const CodedGroup<T>& group, int64_t at) {
    if (group.piecewise)
      return s.each_tile([&](int o, auto tile, int rest) {
        add_shares<T, decltype(tile)::lanes>(group, coded + at + o, s.step(), count, rest, s.sums,
                                             s.by_row + o, s.padded);
      });
    for (int r = 0; r < count; ++r)
      if (group.codes[r] >= 0)
        add_to(s.by_row + int64_t(r) * s.padded, coded + at + group.codes[r] * s.step(), s.outputs);
  });
  transpose(s.by_row, s.padded, rows, s.padded, out, p.stride);
  if (p.dense_count)
    multiply<T>({dense, p.dense_count, 1, x, p.stride, out, p.stride, nullptr, true, s.outputs,
                 rows, p.dense_count});
}

template <class T>
void gradient_sparse(const Program& p, const Operation& op, const T* d, const T* x, int count,
                     int rows, T* workspace, T* gradient) {
  const Sparse<T> s(p, op, workspace);
  T* dense = p.by_columns ? gradient : s.held;
  T* coded = dense + int64_t(s.outputs) * p.dense_count;
  if (p.dense_count)
    weight_gradient(d, x, p.stride, p.stride, rows, s.outputs, p.dense_count, dense, false,
                    workspace + p.scratch_at);
  transpose(d, p.stride, s.padded, rows, s.by_row, s.padded);
  s.each_group(x, [&](const CodedGroup<T>& group, int64_t at) {
    T* sums = coded + at;
    if (group.piecewise)
      return s.each_tile([&](int o, auto tile, int rest) {
        sum_shares<T, decltype(tile)::lanes>(group, s.by_row + o, s.padded, rest, sums + o,
                                             s.step());
      });
    for (int64_t i = 0; i < group.size * s.step(); ++i) sums[i] = T(0);
    for (int r = 0; r < count; ++r)
      if (group.codes[r] >= 0)
        add_to(sums + group.codes[r] * s.step(), s.by_row + int64_t(r) * s.padded, s.outputs);
  });
  if (p.by_columns) return;
  for (int o = 0; o < s.outputs; ++o)
    for (int j = 0; j < p.dense_count; ++j)
      gradient[o * s.inputs + p.dense_columns[j]] = s.held[int64_t(o) * p.dense_count + j];
  s.each_group(x, [&](const CodedGroup<T>& group, int64_t at) {
    transpose_part(coded + at, s.padded, group.size, s.outputs, gradient + group.first, s.inputs,
                   group.size);
  });
}
