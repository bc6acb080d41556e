// The sum of squares of all rows, with J^T J and J^T r: chunk after chunk, several at once.
//
// The number of threads changes no bit: the products of the chunks are added in their order.
#pragma once
#include <vector>

#include "aligned.h"
#include "layout.h"
#include "program.h"

namespace vetro {

class LeastSquares {
 public:
  // rows: their weights are the factors of the residuals.  places: (parameter_count,), the column
  // of each parameter that learns; the arrays of `rows` must live as long.
  LeastSquares(Layout layout, const Kernels& kernels, const Rows<double>& rows,
               std::vector<int64_t> places, int32_t columns, int threads);

  int32_t columns() const { return columns_; }
  // The sum of the squares; matrix (columns, columns) and gradient (columns,) are written if they
  // are not null, the matrix on and below its diagonal.
  double run(const double* parameters, double* matrix, double* gradient);

 private:
  Layout layout_;
  Program program_;
  const Kernels& kernels_;
  Rows<double> rows_;
  std::vector<int64_t> places_;
  int32_t columns_;
  int64_t transposed_row_;
  struct Worker {
    Numbers<double> workspace, jacobian, transposed, matrix, gradient;
  };
  std::vector<Worker> workers_;
};

}  // namespace vetro
