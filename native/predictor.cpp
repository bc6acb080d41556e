#include "predictor.h"

#include <algorithm>

#include "pool.h"

namespace vetro {
namespace {

constexpr int64_t FEW_ROWS = 8;
constexpr double WORTH_A_THREAD = 1e6;  // multiplications

}  // namespace

template <class T>
Predictor<T>::Predictor(const Layout& layout, const Table<T>& table, const T* parameters, int threads)
    : layout_(layout), table_(table), threads_(threads) {
  // For single rows, codes are not worth their cost.
  layout_.groups.clear();
  if (!layout_.operations.empty()) layout_.operations.front().sparse = 0;
  program_ = layout_.arrange(1 << 20, sizeof(T) == 4, false);
  parameters_.assign(parameters, parameters + program_.parameter_count);
  workspaces_.assign(size_t(threads), Numbers<T>(size_t(program_.workspace), T(0)));
  constexpr int64_t L = 64 / sizeof(T);
  by_rows_ = true;
  for (const Operation& op : layout_.operations) {
    by_rows_ &= op.kind != LAYER_NORM;
    const int64_t padded = (op.outputs + L - 1) / L * L;
    Numbers<T> packed;
    if (op.kind == AFFINE) {
      packed.assign(size_t(padded * (op.inputs + 1)), T(0));
      for (int64_t o = 0; o < op.outputs; ++o) {
        packed[size_t(o)] = op.bias < 0 ? T(0) : parameters_[size_t(op.bias + o)];
        for (int64_t k = 0; k < op.inputs; ++k)
          packed[size_t((k + 1) * padded + o)] = parameters_[size_t(op.weight + o * op.inputs + k)];
      }
    } else if (op.kind == SCALE) {
      packed.assign(size_t(2 * padded), T(0));
      for (int64_t o = 0; o < op.outputs; ++o) {
        packed[size_t(o)] = T(layout_.constants[size_t(op.weight + o)]);
        packed[size_t(padded + o)] = T(layout_.constants[size_t(op.bias + o)]);
      }
    }
    packed_.push_back(std::move(packed));
  }
  for (const Numbers<T>& one : packed_) packed_at_.push_back(one.empty() ? nullptr : one.data());
}

template <class T>
void Predictor<T>::predict(const T* x, int64_t count, T* outputs) {
  if (by_rows_ && count <= FEW_ROWS) {
    table_.predict_rows({&program_, parameters_.data(), packed_at_.data(), x, outputs, count,
                         workspaces_[0].data()});
    return;
  }
  const int64_t size = program_.chunk, chunks = (count + size - 1) / size;
  const double work = double(count) * double(program_.parameter_count);
  auto run = [&](int64_t chunk, int worker) {
    Chunk<T> c{};
    c.program = &program_;
    c.parameters = parameters_.data();
    c.rows.x = x;
    c.rows.count = count;
    c.first = chunk * size;
    c.count = int32_t(std::min(size, count - c.first));
    c.outputs = outputs + c.first * program_.outputs;
    c.workspace = workspaces_[size_t(worker)].data();
    table_.run_chunk(c);
  };
  if (chunks == 1 || threads_ == 1 || work < WORTH_A_THREAD)
    for (int64_t chunk = 0; chunk < chunks; ++chunk) run(chunk, 0);
  else
    run_parallel(chunks, threads_, run);
}

template class Predictor<float>;
template class Predictor<double>;

}  // namespace vetro
