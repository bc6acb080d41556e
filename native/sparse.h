// Categories: groups of one-hot columns, stored as codes, so that no zeros are multiplied.
//
// For each row, the first layer then sums the weights' columns given by the row's codes, and
// multiplies the other columns as usual.  For this the lanes hold outputs.
#pragma once

// x (dense columns, stride), then the codes (groups, stride) as int32, -1: none of the group.
template <class T>
void lay_out_sparse(const Program& p, const Rows<T>& rows, const int32_t* order, int64_t first,
                    int count, T* x) {
  const int padded = (count + COUNT<T> - 1) / COUNT<T> * COUNT<T>;
  int32_t* codes = reinterpret_cast<int32_t*>(x + p.dense_count * p.stride);
  for (int r = 0; r < padded; ++r) {
    const int64_t number = r >= count ? -1 : order ? int64_t(order[r]) : first + r;
    const T* row = rows.x + number * p.inputs;
    for (int j = 0; j < p.dense_count; ++j)
      x[j * p.stride + r] = number < 0 ? T(0) : row[p.dense_columns[j]];
    for (int g = 0; g < p.group_count; ++g)
      codes[g * p.stride + r] = number < 0 ? -1 : rows.codes[number * p.group_count + g];
  }
}

template <class T>
struct Sparse {  // the first layer's own buffers, in the chunk's workspace
  const Program& p;
  int rows, padded;  // rows of the chunk, outputs padded to whole lanes
  T* dense;          // (outputs, dense columns)
  T* hot;            // (one-hot columns, padded): transposed weights or their gradients
  T* by_row;         // (rows, padded)
  const int32_t* codes;

  Sparse(const Program& program, const Operation& op, const T* x, int row_count, T* workspace)
      : p(program), rows(row_count),
        padded((op.outputs + COUNT<T> - 1) / COUNT<T> * COUNT<T>), dense(workspace + p.sparse_at),
        hot(dense + (int64_t(op.outputs) * p.dense_count + 15) / 16 * 16),
        by_row(hot + int64_t(p.hot_count) * padded),
        codes(reinterpret_cast<const int32_t*>(x + p.dense_count * p.stride)) {}

  // f(column of the weights, its transposed row)
  template <class F>
  void each_hot(F f) const {
    int64_t row = 0;
    for (int g = 0; g < p.group_count; ++g)
      for (int c = 0; c < p.group_sizes[g]; ++c, ++row) f(p.group_starts[g] + c, hot + row * padded);
  }

  // f(row, transposed weights of one of its codes)
  template <class F>
  void each_code(F f) const {
    for (int r = 0; r < rows; ++r) {
      T* start = hot;
      for (int g = 0; g < p.group_count; ++g) {
        const int32_t code = codes[g * p.stride + r];
        if (code >= 0) f(by_row + int64_t(r) * padded, start + int64_t(code) * padded);
        start += int64_t(p.group_sizes[g]) * padded;
      }
    }
  }
};

template <class T>
void forward_sparse(const Program& p, const Operation& op, const T* weight, const T* bias,
                    const T* x, int rows, T* workspace, T* out) {
  const Sparse<T> s(p, op, x, rows, workspace);
  for (int o = 0; o < op.outputs; ++o)
    for (int j = 0; j < p.dense_count; ++j)
      s.dense[int64_t(o) * p.dense_count + j] = weight[int64_t(o) * op.inputs + p.dense_columns[j]];
  s.each_hot([&](int column, T* row) {
    for (int o = 0; o < op.outputs; ++o) row[o] = weight[int64_t(o) * op.inputs + column];
    for (int o = op.outputs; o < s.padded; ++o) row[o] = T(0);
  });
  for (int r = 0; r < rows; ++r)
    for (int o = 0; o < s.padded; ++o)
      s.by_row[int64_t(r) * s.padded + o] = bias && o < op.outputs ? bias[o] : T(0);
  s.each_code([&](T* sum, const T* term) { add_to(sum, term, s.padded); });
  transpose(s.by_row, s.padded, rows, s.padded, out, p.stride);
  if (p.dense_count)
    multiply<T>({s.dense, p.dense_count, 1, x, p.stride, out, p.stride, nullptr, true, op.outputs,
                 rows, p.dense_count});
}

template <class T>
void gradient_sparse(const Program& p, const Operation& op, const T* d, const T* x, int rows,
                     T* workspace, T* gradient) {
  const Sparse<T> s(p, op, x, rows, workspace);
  if (p.dense_count)
    weight_gradient(d, x, p.stride, p.stride, rows, op.outputs, p.dense_count, s.dense, false,
                    workspace + p.scratch_at);
  for (int o = 0; o < op.outputs; ++o)
    for (int j = 0; j < p.dense_count; ++j)
      gradient[int64_t(o) * op.inputs + p.dense_columns[j]] = s.dense[int64_t(o) * p.dense_count + j];
  transpose(d, p.stride, s.padded, rows, s.by_row, s.padded);
  for (int64_t i = 0; i < int64_t(p.hot_count) * s.padded; ++i) s.hot[i] = T(0);
  s.each_code([&](const T* term, T* sum) { add_to(sum, term, s.padded); });
  s.each_hot([&](int column, const T* row) {
    for (int o = 0; o < op.outputs; ++o) gradient[int64_t(o) * op.inputs + column] = row[o];
  });
}
