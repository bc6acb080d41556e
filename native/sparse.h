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
  T* shares;       // (rows,): in this order
};

// f(group, number of its first column among those of all groups).  x: the chunk's dense columns
// (dense columns, stride), then the groups.
template <class T, class F>
void each_group(const Program& p, const T* x, F f) {
  T* at = const_cast<T*>(x) + int64_t(p.dense_count) * p.stride;
  int row = 0;
  for (int g = 0; g < p.group_count; ++g) {
    const InputGroup& given = p.groups[g];
    CodedGroup<T> group{given.first, given.size, bool(given.piecewise), nullptr, nullptr, nullptr,
                        nullptr};
    if (group.piecewise) {
      group.ends = reinterpret_cast<int32_t*>(at);
      at += (group.size + 15) / 16 * 16;
      group.order = reinterpret_cast<int32_t*>(at);
      group.shares = at + p.stride;
      at += 2 * p.stride;
    } else {
      group.codes = reinterpret_cast<int32_t*>(at);
      at += p.stride;
    }
    f(g, group, row);
    row += group.size;
  }
}

template <class T>
void lay_out_sparse(const Program& p, const Rows<T>& rows, const int32_t* order, int64_t first,
                    int count, T* x) {
  const int padded = (count + COUNT<T> - 1) / COUNT<T> * COUNT<T>;
  lay_out_matrix(rows.dense, p.dense_count, order, first, count, x, p.stride);
  each_group(p, x, [&](int g, const CodedGroup<T>& group, int) {
    const auto place = [&](int r) {
      return (order ? int64_t(order[r]) : first + r) * p.group_count + g;
    };
    if (!group.piecewise) {
      for (int r = 0; r < padded; ++r) group.codes[r] = r < count ? rows.codes[place(r)] : -1;
      return;
    }
    for (int k = 0; k < group.size; ++k) group.ends[k] = 0;
    for (int r = 0; r < count; ++r) {
      const int32_t bin = rows.codes[place(r)];
      if (bin + 1 < group.size) ++group.ends[bin + 1];
    }
    for (int k = 1; k < group.size; ++k) group.ends[k] += group.ends[k - 1];
    for (int r = 0; r < count; ++r) {  // ends[k] moves from the begin of bin k to its end
      const int64_t from = place(r);
      const int32_t to = group.ends[rows.codes[from]]++;
      group.order[to] = r;
      group.shares[to] = rows.shares[from];
    }
  });
}

template <class T>
struct Sparse {  // the first layer's own buffers, in the chunk's workspace
  const Program& p;
  int outputs, padded;  // padded: to whole lanes
  int64_t inputs;
  T* dense;             // (outputs, dense columns)
  T* coded;             // (columns of the groups, padded): transposed weights or their gradients
  T* by_row;            // (rows, padded)

  Sparse(const Program& program, const Operation& op, T* workspace)
      : p(program), outputs(op.outputs), padded((outputs + COUNT<T> - 1) / COUNT<T> * COUNT<T>),
        inputs(op.inputs), dense(workspace + p.sparse_at),
        coded(dense + (int64_t(outputs) * p.dense_count + 15) / 16 * 16),
        by_row(coded + int64_t(p.coded_count) * padded) {}

  // f(first output, lanes) for tiles of the outputs whose sums stay in registers
  template <class F>
  void each_tile(F f) const {
    int o = 0;
    for (; o + LANE_TILE * COUNT<T> <= padded; o += LANE_TILE * COUNT<T>) f(o, Lane<LANE_TILE>());
    for (; o < padded; o += COUNT<T>) f(o, Lane<1>());
  }
  template <int N> struct Lane { static constexpr int count = N; };
};

// by_row += the weights of each row's code
template <class T>
void add_codes(const Sparse<T>& s, const CodedGroup<T>& group, const T* weights, int rows) {
  for (int r = 0; r < rows; ++r)
    if (group.codes[r] >= 0)
      add_to(s.by_row + int64_t(r) * s.padded, weights + int64_t(group.codes[r]) * s.padded,
             s.padded);
}

// by_row += the weights of each row's full bins, summed in the order of the bins, and the share of
// those of its broken one.
template <class T, int M>
INLINE void add_shares(const CodedGroup<T>& group, const T* weights, int64_t padded, int rows,
                       T* by_row) {
  constexpr int L = COUNT<T>;
  Lanes<T> full[M];
#pragma GCC unroll 4
  for (int i = 0; i < M; ++i) full[i] = zero<T>();
  for (int k = 0, r = 0; r < rows; ++k, weights += padded) {
    Lanes<T> bin[M];
#pragma GCC unroll 4
    for (int i = 0; i < M; ++i) bin[i] = load(weights + i * L);
    for (; r < group.ends[k]; ++r) {
      T* sum = by_row + group.order[r] * padded;
      const Lanes<T> share = fill(group.shares[r]);
#pragma GCC unroll 4
      for (int i = 0; i < M; ++i)
        store(sum + i * L, fma(share, bin[i], load(sum + i * L) + full[i]));
    }
#pragma GCC unroll 4
    for (int i = 0; i < M; ++i) full[i] = full[i] + bin[i];
  }
}

// The gradients of a group's weights: of a bin, the deltas of all rows that fill it, from the last
// bin down, and the share of those that fill it partly.
template <class T, int M>
INLINE void sum_shares(const CodedGroup<T>& group, const T* by_row, int64_t padded, T* gradients) {
  constexpr int L = COUNT<T>;
  Lanes<T> full[M];
#pragma GCC unroll 4
  for (int i = 0; i < M; ++i) full[i] = zero<T>();
  for (int k = group.size - 1; k >= 0; --k) {
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
      store(gradients + k * padded + i * L, full[i] + broken[i]);
      full[i] = full[i] + filled[i];
    }
  }
}

// count: of rows; rows: padded to whole lanes
template <class T>
void forward_sparse(const Program& p, const Operation& op, const T* weight, const T* bias,
                    const T* x, int count, int rows, T* workspace, T* out) {
  const Sparse<T> s(p, op, workspace);
  for (int o = 0; o < s.padded; ++o) s.by_row[o] = bias && o < s.outputs ? bias[o] : T(0);
  for (int r = 1; r < rows; ++r) copy_lanes(s.by_row, s.by_row + int64_t(r) * s.padded, s.padded);
  each_group(p, x, [&](int, const CodedGroup<T>& group, int row) {
    T* weights = s.coded + int64_t(row) * s.padded;
    transpose_part(weight + group.first, s.inputs, s.outputs, group.size, weights, s.padded,
                   s.padded);
    if (!group.piecewise) return add_codes(s, group, weights, rows);
    s.each_tile([&](int o, auto lane) {
      add_shares<T, decltype(lane)::count>(group, weights + o, s.padded, count, s.by_row + o);
    });
  });
  transpose(s.by_row, s.padded, rows, s.padded, out, p.stride);
  if (!p.dense_count) return;
  for (int o = 0; o < s.outputs; ++o)
    for (int j = 0; j < p.dense_count; ++j)
      s.dense[int64_t(o) * p.dense_count + j] = weight[o * s.inputs + p.dense_columns[j]];
  multiply<T>({s.dense, p.dense_count, 1, x, p.stride, out, p.stride, nullptr, true, s.outputs, rows,
               p.dense_count});
}

template <class T>
void gradient_sparse(const Program& p, const Operation& op, const T* d, const T* x, int rows,
                     T* workspace, T* gradient) {
  const Sparse<T> s(p, op, workspace);
  if (p.dense_count)
    weight_gradient(d, x, p.stride, p.stride, rows, s.outputs, p.dense_count, s.dense, false,
                    workspace + p.scratch_at);
  for (int o = 0; o < s.outputs; ++o)
    for (int j = 0; j < p.dense_count; ++j)
      gradient[o * s.inputs + p.dense_columns[j]] = s.dense[int64_t(o) * p.dense_count + j];
  transpose(d, p.stride, s.padded, rows, s.by_row, s.padded);
  each_group(p, x, [&](int, const CodedGroup<T>& group, int row) {
    T* sums = s.coded + int64_t(row) * s.padded;
    if (group.piecewise) {
      s.each_tile([&](int o, auto lane) {
        sum_shares<T, decltype(lane)::count>(group, s.by_row + o, s.padded, sums + o);
      });
    } else {
      for (int64_t i = 0; i < int64_t(group.size) * s.padded; ++i) sums[i] = T(0);
      for (int r = 0; r < rows; ++r)
        if (group.codes[r] >= 0)
          add_to(sums + int64_t(group.codes[r]) * s.padded, s.by_row + int64_t(r) * s.padded,
                 s.padded);
    }
    transpose_part(sums, s.padded, group.size, s.outputs, gradient + group.first, s.inputs,
                   group.size);
  });
}
