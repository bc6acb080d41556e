// Sums of squares: J^T J and J^T r of a network's residuals, and Cholesky's factorisation.
#include <algorithm>
#include <cmath>
#include <memory>

#include "border_task.h"
#include "least_squares.h"
#include "pool.h"

namespace vetro {
namespace {

using In = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Vector = nb::ndarray<double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Square = nb::ndarray<double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

struct SquaresObject {
  std::unique_ptr<LeastSquares> squares;
  size_t parameter_count;
  AnyArray x, y;  // which the rows point into
  MaybeArray roots;

  double run(const In& parameters, double* matrix, double* gradient) {
    require(parameters.shape(0) == parameter_count, "parameters has the wrong shape");
    nb::gil_scoped_release release;
    return squares->run(parameters.data(), matrix, gradient);
  }
};

SquaresObject made(const ProgramObject& program, const RowsObject& rows,
                   const std::vector<std::pair<int64_t, int64_t>>& learning, int threads) {
  require(!program.single, "sums of squares are for float64");
  require(rows.weights.has_value(), "the factors of the residuals are missing");
  const Layout& layout = program.layout;
  std::vector<int64_t> places(size_t(layout.parameter_count), 0);
  int64_t before = 0, columns = 0;
  for (const auto& [begin, end] : learning) {
    require(begin >= before && end > begin && end <= layout.parameter_count,
            "a range is out of order or out of range");
    for (int64_t i = begin; i < end; ++i) places[size_t(i)] = columns++;
    before = end;
  }
  require(columns >= 1 && columns < 46000, "no parameters learn, or too many");
  const Loss<double> loss{};  // of numbers, not of classes
  const Data<double> data(layout, loss, rows, true);
  require(layout.groups.empty(), "sums of squares take the inputs as numbers, not as codes");
  return {std::make_unique<LeastSquares>(layout, kernels_here(), data.rows, std::move(places),
                                         int32_t(columns),
                                         std::min(64, threads > 0 ? threads : cores())),
          size_t(layout.parameter_count), rows.x, rows.y, rows.weights};
}

struct CholeskyObject {
  int64_t n;
  Numbers<double> factor, scratch, inverse;
  bool whole = false;

  explicit CholeskyObject(int64_t size) : n(size) {
    require(size >= 1 && size < 46000, "the size is out of range");
    factor.assign(size_t(n * n), 0);
    scratch.assign(size_t(kernels_here().squares.factor_scratch(n)), 0);
  }

  bool decompose(const Square& matrix, const In& added) {
    require(int64_t(matrix.shape(0)) == n && int64_t(matrix.shape(1)) == n &&
                int64_t(added.shape(0)) == n,
            "matrix or added has the wrong shape");
    nb::gil_scoped_release release;
    for (int64_t i = 0; i < n; ++i) {
      std::memcpy(factor.data() + i * n, matrix.data() + i * n, size_t(i + 1) * sizeof(double));
      factor[size_t(i * n + i)] += added.data()[i];
    }
    whole = kernels_here().squares.factor(factor.data(), n, scratch.data());
    return whole;
  }

  void solve(const Vector& b) const {
    require(whole && int64_t(b.shape(0)) == n, "there is no factor, or b has the wrong shape");
    kernels_here().squares.solve(factor.data(), n, b.data());
  }

  double inverse_trace() {
    require(whole, "there is no factor");
    nb::gil_scoped_release release;
    if (inverse.empty()) inverse.assign(size_t(n * ((n + 7) / 8 * 8)), 0);
    return kernels_here().squares.inverse_trace(factor.data(), n, inverse.data());
  }
};

}  // namespace

void bind_squares(nb::module_& m) {
  nb::class_<SquaresObject>(
      m, "Squares",
      "The sum of squares of root (output - target) over rows, whose weights are the roots, in\n"
      "float64.  learning: [begin, end) of the parameters that learn, the columns of J.  threads: 0\n"
      "for all cores.")
      .def(
          "__init__",
          [](SquaresObject* self, const ProgramObject& program, const RowsObject& rows,
             const std::vector<std::pair<int64_t, int64_t>>& learning, int threads) {
            new (self) SquaresObject(made(program, rows, learning, threads));
          },
          "program"_a, "rows"_a, "learning"_a, "threads"_a = 0)
      .def_prop_ro("columns", [](const SquaresObject& self) { return self.squares->columns(); })
      .def(
          "value",
          [](SquaresObject& self, const In& parameters) {
            return self.run(parameters, nullptr, nullptr);
          },
          "parameters"_a.noconvert(), "The sum of the squares.")
      .def(
          "normal",
          [](SquaresObject& self, const In& parameters, const Square& matrix,
             const Vector& gradient) {
            const size_t n = size_t(self.squares->columns());
            require(matrix.shape(0) == n && matrix.shape(1) == n && gradient.shape(0) == n,
                    "matrix or gradient has the wrong shape");
            return self.run(parameters, matrix.data(), gradient.data());
          },
          "parameters"_a.noconvert(), "matrix"_a.noconvert(), "gradient"_a.noconvert(),
          "The sum of the squares; J^T J goes into the matrix, on and below its diagonal, and J^T r\n"
          "into the gradient.");

  nb::class_<CholeskyObject>(m, "Cholesky",
                             "A factorisation L L^T of matrices (size, size), kept for solving.")
      .def(nb::init<int64_t>(), "size"_a)
      .def("factor", &CholeskyObject::decompose, "matrix"_a.noconvert(), "added"_a.noconvert(),
           "Factor the matrix, of which the lower triangle counts, with `added` (size,) on its\n"
           "diagonal.  Returns whether it is positive definite.")
      .def("solve", &CholeskyObject::solve, "b"_a.noconvert(), "Replace b by x of L L^T x = b.")
      .def("inverse_trace", &CholeskyObject::inverse_trace, "The trace of (L L^T)^-1.");
}

}  // namespace vetro
