#include "least_squares.h"

#include <algorithm>

#include "pool.h"

namespace vetro {
namespace {

// With fewer multiplications, handing work to a second thread costs more than the work.
constexpr double WORTH_A_THREAD = 1.5e6;

// Rows per chunk: so many that the Jacobian stays in the cache next to the core, but enough that
// adding the products costs little.  The number of columns alone decides, as results depend on it.
int64_t chunk_rows(int64_t columns) {
  int64_t rows = 64;
  while (rows < 256 && 2 * rows * columns <= 32768) rows *= 2;
  return rows;
}

}  // namespace

LeastSquares::LeastSquares(Layout layout, const Kernels& kernels, const Rows<double>& rows,
                           std::vector<int64_t> places, int32_t columns, int threads)
    : layout_(std::move(layout)), kernels_(kernels), rows_(rows), places_(std::move(places)),
      columns_(columns) {
  program_ = layout_.arrange(std::min(rows.count, chunk_rows(columns)), false, true);
  const int64_t chunks = (rows.count + program_.chunk - 1) / program_.chunk;
  const int64_t padded = (int64_t(columns) + 7) / 8 * 8;
  transposed_row_ = padded + (padded % 64 ? 0 : 8);
  workers_.resize(size_t(std::max<int64_t>(1, std::min<int64_t>(threads, chunks))));
  for (Worker& worker : workers_) {
    worker.workspace.assign(size_t(program_.workspace), 0);
    worker.jacobian.assign(size_t(padded * program_.stride), 0);
    worker.transposed.assign(size_t(transposed_row_ * (program_.chunk + 8)), 0);
    if (chunks == 1) continue;
    worker.matrix.assign(size_t(columns) * size_t(columns), 0);
    worker.gradient.assign(size_t(columns), 0);
  }
}

double LeastSquares::run(const double* parameters, double* matrix, double* gradient) {
  const int64_t size = program_.chunk, chunks = (rows_.count + size - 1) / size;
  const double work = double(rows_.count) * program_.outputs * columns_ * (matrix ? columns_ : 2);
  const int threads = work < WORTH_A_THREAD ? 1 : int(workers_.size());
  double value = 0;
  for (int64_t wave = 0; wave < chunks; wave += threads) {
    const int64_t many = std::min<int64_t>(threads, chunks - wave);
    double values[64];
    run_parallel(many, threads, [&](int64_t number, int) {
      Worker& worker = workers_[size_t(number)];
      const int64_t first = (wave + number) * size;
      const bool starts = wave + number == 0;  // the sums start with the first chunk's products
      SquaresChunk s{};
      s.program = &program_;
      s.parameters = parameters;
      s.rows = &rows_;
      s.first = first;
      s.count = int32_t(std::min(size, rows_.count - first));
      s.places = places_.data();
      s.columns = columns_;
      if (matrix) s.matrix = starts ? matrix : worker.matrix.data();
      if (matrix) s.gradient = starts ? gradient : worker.gradient.data();
      s.jacobian = worker.jacobian.data();
      s.transposed = worker.transposed.data();
      s.transposed_row = transposed_row_;
      s.workspace = worker.workspace.data();
      kernels_.squares.run(s);
      values[number] = s.value;
    });
    for (int64_t i = 0; i < many; ++i) value += values[i];
    if (!matrix) continue;
    for (int64_t i = wave == 0 ? 1 : 0; i < many; ++i)
      kernels_.twofold.add(gradient, workers_[size_t(i)].gradient.data(), columns_);
    const int64_t parts = (columns_ + 63) / 64;  // of rows, on and below the diagonal
    run_parallel(parts, many > 1 ? threads : 1, [&](int64_t part, int) {
      for (int64_t row = part * 64; row < std::min<int64_t>(columns_, part * 64 + 64); ++row)
        for (int64_t i = wave == 0 ? 1 : 0; i < many; ++i)
          kernels_.twofold.add(matrix + row * columns_,
                               workers_[size_t(i)].matrix.data() + row * columns_, row + 1);
    });
  }
  return value;
}

}  // namespace vetro
