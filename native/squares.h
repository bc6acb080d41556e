// Sums of squares for second-order training: the structs that cross to the kernels, in double.
//
// The residuals of a row are root (output - target); the loss is the sum of their squares.  The
// Jacobian holds their derivatives by the parameters that learn, its columns.
#pragma once
#include <cstdint>

namespace vetro {

struct Program;
template <class T> struct Rows;

// One chunk of rows: its residuals r, and if `matrix` is not null J^T J and J^T r.
struct SquaresChunk {
  const Program* program;
  const double* parameters;
  const Rows<double>* rows;  // their weights are the roots
  int64_t first;
  int32_t count;
  const int64_t* places;  // the column of each parameter
  int32_t columns;
  double* matrix;      // (columns, columns), written on and below the diagonal
  double* gradient;    // (columns,), written
  double* jacobian;    // (columns padded to 8, stride), zero at first
  double* transposed;  // (chunk, transposed_row)
  int64_t transposed_row;
  double* workspace;
  double value;  // out: the sum of the squares
};

struct SquaresTable {
  void (*run)(SquaresChunk&);
  // A (n, n), of which the lower triangle counts, becomes its Cholesky factor L: A = L L^T.
  // Returns whether A is positive definite.  scratch: factor_scratch(n) numbers.
  bool (*factor)(double* a, int64_t n, double* scratch);
  int64_t (*factor_scratch)(int64_t n);
  // x of L L^T x = b, in place.
  void (*solve)(const double* factor, int64_t n, double* b);
  // The trace of (L L^T)^-1.  scratch: n rows of n, padded to 8.
  double (*inverse_trace)(const double* factor, int64_t n, double* scratch);
};

}  // namespace vetro
