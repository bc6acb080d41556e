// All kernels for one instruction set: this file is compiled once for each, with its flags.
//
// All code is in an anonymous namespace, and the standard library is not included.  So no
// symbol compiled for a newer processor can be linked into code that runs on an older one.  The
// object exports only VETRO_KERNELS.
#include "program.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#else
#include <immintrin.h>
#endif

namespace {
using namespace vetro;
#include "lanes.h"
#include "registers.h"
#include "blocks.h"
#include "elementary.h"
#include "activations.h"
#include "losses.h"
#include "matrix.h"
#include "norm.h"
#include "optimizers.h"
#include "sparse.h"
#include "step.h"
#include "predict.h"
#include "jacobian.h"
#include "cholesky.h"

template <class T>
void add_terms(T* sum, const T* term, int64_t count) {
  add_to(sum, term, count);
}

template <class T>
constexpr Table<T> table() {
  return {run_chunk<T>, update_parameters<T>,     add_terms<T>, square_sum<T>,
          cross_entropy_divisor<T>, lay_out<T>, predict_rows<T>};
}
}  // namespace

extern const Kernels VETRO_KERNELS;
const Kernels VETRO_KERNELS = {VETRO_ISA_NAME, table<float>(), table<double>(),
                               {run_squares, factor, factor_scratch, solve, inverse_trace}};
