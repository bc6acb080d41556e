// The products of matrix.h as plain C functions, which tests/native/test_products.py calls.
#include "../program.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#else
#include <immintrin.h>
#endif

namespace {
using namespace vetro;
#include "../lanes.h"
#include "../registers.h"
#include "../blocks.h"
#include "../matrix.h"
}  // namespace

#define EXPORT(T, NAME)                                                                          \
  extern "C" void multiply_##NAME(const T* a, int64_t a_row, int64_t a_col, const T* b,          \
                                  int64_t b_row, T* c, int64_t c_row, const T* bias, int add,    \
                                  int m, int n, int k) {                                         \
    multiply<T>({a, a_row, a_col, b, b_row, c, c_row, bias, add != 0, m, n, k});                 \
  }                                                                                              \
  extern "C" void gradient_by_lanes_##NAME(const T* d, const T* a, int64_t stride, int rows,     \
                                           int outputs, int inputs, T* g, int add) {             \
    gradient_by_lanes(d, a, stride, stride, rows, outputs, inputs, g, add != 0);                 \
  }                                                                                              \
  extern "C" void weight_gradient_##NAME(const T* d, const T* a, int64_t stride, int rows,       \
                                         int outputs, int inputs, T* g, int add, T* scratch) {   \
    weight_gradient(d, a, stride, stride, rows, outputs, inputs, g, add != 0, scratch);          \
  }                                                                                              \
  extern "C" int both_gradients_##NAME(const T* d, const T* a, int64_t stride, int rows,         \
                                       int outputs, int inputs, T* g, T* bias, int add) {        \
    return both_gradients(d, a, stride, stride, rows, outputs, inputs, g, add != 0, bias,        \
                          add != 0);                                                             \
  }                                                                                              \
  extern "C" void sum_rows_##NAME(const T* d, int64_t stride, int rows, int outputs, T* g,       \
                                  int add) {                                                     \
    sum_rows(d, stride, rows, outputs, g, add != 0);                                             \
  }                                                                                              \
  extern "C" void transpose_##NAME(const T* in, int64_t in_row, int rows, int columns, T* out,   \
                                   int64_t out_row) {                                            \
    transpose(in, in_row, rows, columns, out, out_row);                                          \
  }                                                                                              \
  extern "C" void add_to_##NAME(T* sum, const T* term, int64_t count) {                          \
    add_to(sum, term, count);                                                                    \
  }
EXPORT(float, float32)
EXPORT(double, float64)
