// Prediction for few rows: the lanes hold outputs instead of rows; the weights are laid out once.
//
// Every output is the same chain of fused multiply-adds as in the chunks, so that a row's
// prediction has the same bits for any number of rows.
#pragma once

template <class T>
void predict_rows(const RowPrediction<T>& job) {
  const Program& p = *job.program;
  constexpr int L = COUNT<T>;
  for (int64_t row = 0; row < job.count; ++row) {
    const T* x = job.x + row * p.inputs;
    for (int i = 0; i < p.operation_count; ++i) {
      const Operation& op = p.operations[i];
      const int padded = (op.outputs + L - 1) / L * L;
      const T* in = op.in == 0 ? x : job.workspace + p.values_at[op.in];
      T* out = job.workspace + p.values_at[op.out];
      switch (op.kind) {
        case AFFINE: {
          const T* weights = job.packed[i];  // the bias first, then a row for each input
          copy_lanes(weights, out, padded);
          multiply<T>({in, 0, 1, weights + padded, padded, out, padded, nullptr, true, 1, padded,
                       op.inputs});
          break;
        }
        case ACTIVATION:
          activate(op.function, op.a, op.b, in, out, (T*)nullptr, padded);
          break;
        case SCALE:
          for (int j = 0; j < padded; j += L)
            store(out + j, fma(load(in + j), load(job.packed[i] + j), load(job.packed[i] + padded + j)));
          break;
        case ADD: {
          const T* other = op.in2 == 0 ? x : job.workspace + p.values_at[op.in2];
          for (int j = 0; j < op.outputs; ++j) out[j] = in[j] + other[j];
          break;
        }
        default:  // dropout: the identity
          if (in != out) copy_lanes(in, out, padded);
      }
    }
    const int last = p.operation_count ? p.operations[p.operation_count - 1].out : 0;
    const T* out = last == 0 ? x : job.workspace + p.values_at[last];
    for (int j = 0; j < p.outputs; ++j) job.outputs[row * p.outputs + j] = out[j];
  }
}
