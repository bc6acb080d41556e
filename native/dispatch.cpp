#include "dispatch.h"

#include <cstdlib>
#include <cstring>

#if defined(__x86_64__)
extern const vetro::Kernels vetro_kernels_avx512;
extern const vetro::Kernels vetro_kernels_avx2;
#else
extern const vetro::Kernels vetro_kernels_neon;
#endif

namespace vetro {
namespace {

bool named(const Kernels& one) {
  const char* wanted = std::getenv("VETRO_ISA");
  return !wanted || !*wanted || std::strcmp(wanted, one.name) == 0;
}

}  // namespace

const Kernels* kernels() {
#if defined(__x86_64__)
  // Exactly the features with which the kernels are compiled, one by one.
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl");
  if (avx512 && named(vetro_kernels_avx512)) return &vetro_kernels_avx512;
  if (avx2 && named(vetro_kernels_avx2)) return &vetro_kernels_avx2;
#else
  if (named(vetro_kernels_neon)) return &vetro_kernels_neon;
#endif
  return nullptr;
}

template <> const Table<float>& table_of<float>(const Kernels& k) { return k.single; }
template <> const Table<double>& table_of<double>(const Kernels& k) { return k.twofold; }

}  // namespace vetro
