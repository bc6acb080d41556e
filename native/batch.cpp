#include "batch.h"

#include <algorithm>

#include "pool.h"

namespace vetro {
namespace {

// With fewer multiplications, handing work to a second thread costs more than the work.
constexpr double WORTH_A_THREAD = 1.5e6;

}  // namespace

template <class T>
Batches<T>::Batches(const Layout& layout, const Table<T>& table, const Loss<T>& loss, int64_t most,
                    int64_t batch_size, int threads)
    : layout_(layout), table_(table), loss_(loss) {
  program_ = layout_.arrange(most, sizeof(T) == 4, true);
  const int64_t chunks = (most + program_.chunk - 1) / program_.chunk;
  const int workers = int(std::min<int64_t>(threads, chunks));
  workspaces_.assign(size_t(workers), Numbers<T>(size_t(program_.workspace), T(0)));
  if (chunks > 1)
    slots_.assign(size_t(workers), Numbers<T>(size_t(program_.parameter_count), T(0)));
  if (loss_.weighted_mean) chosen_.assign(size_t(batch_size), 0);
}

template <class T>
typename Batches<T>::Blocks Batches<T>::lay_out(const Rows<T>& rows) const {
  const int64_t x_size = int64_t(program_.inputs) * program_.stride;
  const int64_t y_size = program_.weights_at - program_.y_at;
  Blocks blocks;
  for (int64_t first = 0; first < rows.count; first += program_.chunk) {
    Numbers<T> block(size_t(x_size + y_size + program_.stride), T(0));
    table_.lay_out(program_, rows, nullptr, first,
                   int(std::min<int64_t>(program_.chunk, rows.count - first)), classes(),
                   block.data(), block.data() + x_size, block.data() + x_size + y_size);
    blocks.push_back(std::move(block));
  }
  return blocks;
}

template <class T>
double Batches<T>::scale_of(const Rows<T>& rows, const int32_t* order, int64_t first,
                            int64_t count) {
  if (!loss_.mean) return 1;
  if (rows.weights && loss_.row_mean) {
    const double total = weight_of(rows, order, first, count);
    return total == 0 ? 1 : 1 / total;
  }
  if (!classes()) return 1.0 / (double(count) * program_.outputs);
  if (rows.weights || !loss_.weighted_mean) return 1.0 / double(count);
  if (!order) return 1.0 / table_.divisor(loss_, rows.classes + first, count);
  for (int64_t r = 0; r < count; ++r) chosen_[size_t(r)] = rows.classes[order[r]];
  return 1.0 / table_.divisor(loss_, chosen_.data(), count);
}

// The divisor of a mean over weighted rows.
template <class T>
double Batches<T>::weight_of(const Rows<T>& rows, const int32_t* order, int64_t first,
                             int64_t count) const {
  double total = 0;
  for (int64_t r = 0; r < count; ++r) {
    const int64_t row = order ? order[r] : first + r;
    double weight = double(rows.weights[row]);
    if (classes()) {
      const int64_t number = rows.classes[row];
      if (number == loss_.ignored) continue;
      if (loss_.class_weights) weight *= double(loss_.class_weights[number]);
    }
    total += weight;
  }
  return classes() ? total : total * program_.outputs;
}

template <class T>
double Batches<T>::run(const Rows<T>& rows, const int32_t* order, int64_t first, int64_t count,
                       const Blocks& blocks, const T* parameters, T* gradients, bool learning,
                       uint32_t seed) {
  const double scale = scale_of(rows, order, first, count);
  const int64_t size = program_.chunk, chunks = (count + size - 1) / size;
  const int64_t x_size = int64_t(program_.inputs) * program_.stride;
  const int64_t y_size = program_.weights_at - program_.y_at;
  const double work = double(count) * double(program_.parameter_count) * (learning ? 3 : 1);
  const int threads = work < WORTH_A_THREAD ? 1 : int(workspaces_.size());
  double value = 0;
  for (int64_t wave = 0; wave < chunks; wave += threads) {
    const int64_t many = std::min<int64_t>(threads, chunks - wave);
    double values[64];
    auto run = [&](int64_t number, int) {
      const int64_t chunk = wave + number, start = chunk * size;
      Chunk<T> c{};
      c.program = &program_;
      c.parameters = parameters;
      c.rows = rows;
      c.order = order ? order + start : nullptr;
      c.first = first + start;
      c.count = int32_t(std::min(size, count - start));
      c.place = start;
      if (!blocks.empty()) {
        c.x_block = blocks[size_t(chunk)].data();
        c.y_block = c.x_block + x_size;
        c.weights_block = c.y_block + y_size;
      }
      c.loss = &loss_;
      c.scale = scale;
      // the sum starts with the first chunk's gradients; the others are added in their order
      if (learning) c.gradients = chunk == 0 ? gradients : slots_[size_t(number)].data();
      c.workspace = workspaces_[size_t(number)].data();
      c.training = learning;
      c.seed = seed;
      table_.run_chunk(c);
      values[number] = c.value;
    };
    if (many == 1)
      run(0, 0);
    else
      run_parallel(many, threads, run);
    for (int64_t i = 0; i < many; ++i) value += values[i];
    if (!learning || chunks == 1) continue;
    const int64_t parts = (program_.parameter_count + PART - 1) / PART;
    run_parallel(parts, many > 1 ? threads : 1, [&](int64_t part, int) {
      const int64_t begin = part * PART;
      const int64_t length = std::min(PART, program_.parameter_count - begin);
      for (int64_t i = wave == 0 ? 1 : 0; i < many; ++i)
        table_.add(gradients + begin, slots_[size_t(i)].data() + begin, length);
    });
  }
  return sizeof(T) == 4 ? double(float(value)) : value;
}

template class Batches<float>;
template class Batches<double>;

}  // namespace vetro
