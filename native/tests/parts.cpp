// Single parts of the kernel as plain C functions, which tests/native/parts.py calls.
#include "../program.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#else
#include <immintrin.h>
#endif

namespace {
using namespace vetro;
#include "../lanes.h"
#include "../elementary.h"
#include "../activations.h"
#include "../losses.h"
#include "../norm.h"
#include "../optimizers.h"

// The settings of an Update as numbers: tests need not know the struct's layout.
template <class T>
void update_with(const double* s, T* parameters, T* gradients, T* first, T* second, T* third,
                 int64_t begin, int64_t end) {
  Update<T> u{};
  u.kind = int32_t(s[0]);
  u.nesterov = s[1] != 0;
  u.maximize = s[2] != 0;
  u.amsgrad = s[3] != 0;
  u.centered = s[4] != 0;
  u.first = s[5] != 0;
  u.learning_rate = s[6];
  u.momentum = s[7];
  u.dampening = s[8];
  u.weight_decay = s[9];
  u.beta1 = s[10];
  u.beta2 = s[11];
  u.eps = s[12];
  u.alpha = s[13];
  u.step = s[14];
  u.gradient_factor = s[15];
  u.gradient_limit = s[16];
  u.parameters = parameters;
  u.gradients = gradients;
  u.first_moment = first;
  u.second_moment = second;
  u.third = third;
  u.begin = begin;
  u.end = end;
  update_parameters(u);
}

template <class T>
double loss_with(int kind, double a, int64_t ignored, const T* class_weights,
                 const T* positive_weights, const T* y, const int64_t* classes, const T* weights,
                 int rows, int outputs, const T* out, int64_t stride, double scale, T* delta) {
  Loss<T> loss{};
  loss.kind = kind;
  loss.a = a;
  loss.ignored = ignored;
  loss.class_weights = class_weights;
  loss.positive_weights = positive_weights;
  const Targets<T> targets{y, classes, weights};
  if (kind == CROSS_ENTROPY && scale == 0) scale = 1 / cross_entropy_divisor(loss, classes, rows);
  return loss_of_chunk(loss, targets, rows, outputs, out, stride, scale, delta);
}
}  // namespace

#define EXPORT(T, NAME)                                                                         \
  extern "C" void update_##NAME(const double* settings, T* parameters, T* gradients, T* first,  \
                                T* second, T* third, int64_t begin, int64_t end) {              \
    update_with(settings, parameters, gradients, first, second, third, begin, end);             \
  }                                                                                             \
  extern "C" double loss_##NAME(int kind, double a, int64_t ignored, const T* class_weights,    \
                                const T* positive_weights, const T* y, const int64_t* classes,  \
                                const T* weights, int rows, int outputs, const T* out,          \
                                int64_t stride, double scale, T* delta) {                       \
    return loss_with(kind, a, ignored, class_weights, positive_weights, y, classes, weights,    \
                     rows, outputs, out, stride, scale, delta);                                 \
  }                                                                                             \
  extern "C" void activate_##NAME(int function, double a, double b, const T* z, T* out,         \
                                  T* derivative, T* d, int64_t count) {                         \
    activate(function, a, b, z, out, derivative, count);                                        \
    activate_backward(function, a, b, out, derivative, d, count);                               \
  }                                                                                             \
  extern "C" void normalize_##NAME(const T* in, int rows, int features, int64_t stride, T eps,  \
                                   const T* gamma, const T* beta, T* mean, T* inverse, T* out) { \
    normalize(in, rows, features, stride, eps, gamma, beta, mean, inverse, out);                \
  }                                                                                             \
  extern "C" void normalize_backward_##NAME(const T* in, const T* d, int rows, int features,    \
                                            int64_t stride, const T* gamma, const T* mean,      \
                                            const T* inverse, T* dx, int add_dx, T* dgamma,     \
                                            int add_gamma, T* dbeta, int add_beta) {            \
    normalize_backward(in, d, rows, features, stride, gamma, mean, inverse, dx, add_dx != 0,    \
                       dgamma, add_gamma != 0, dbeta, add_beta != 0);                           \
  }
EXPORT(float, float32)
EXPORT(double, float64)
#define VETRO_WORD(constant, name, ...) name " "
extern "C" const char* functions() { return VETRO_ACTIVATIONS(VETRO_WORD); }
extern "C" const char* losses() { return VETRO_LOSSES(VETRO_WORD); }
extern "C" const char* optimizers() { return VETRO_OPTIMIZERS(VETRO_WORD); }
extern "C" double power_of(double base, double t) { return power(base, t); }
