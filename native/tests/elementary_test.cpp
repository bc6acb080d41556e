// The error of the elementary functions, and a hash of all their bits.
//
//   elementary_test float STEP FIRST THREADS [bits]    every STEP-th of all 2^32 floats
//   elementary_test double COUNT FIRST THREADS [bits]  COUNT random numbers: half of them any
//                                bits, half of them of the sizes that matter
//
// FIRST: the first number, so that a long run can be split.
//
// One line per function: its name, the largest error in units of the last place of the exact
// result, its position, and the hash.  bits: no errors, only the hash, which is the same on
// every instruction set (all NaN count as one).  References: the C library's functions in
// double for float, in long double (64 bits or more) for double.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

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

constexpr int FUNCTIONS = 7;
const char* const NAMES[FUNCTIONS] = {"exp", "expm1", "log", "log1p", "tanh", "sigmoid", "erf"};

template <class T>
Lanes<T> ours(int function, Lanes<T> x) {
  switch (function) {
    case 0: return exp(x);
    case 1: return expm1(x);
    case 2: return log(x);
    case 3: return log1p(x);
    case 4: return tanh(x);
    case 5: return sigmoid(x);
    default: return erf(x);
  }
}

template <class R>
R reference(int function, R x) {
  switch (function) {
    case 0: return std::exp(x);
    case 1: return std::expm1(x);
    case 2: return std::log(x);
    case 3: return std::log1p(x);
    case 4: return std::tanh(x);
    case 5: return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
    default: return std::erf(x);
  }
}

// |found - exact| in units of the last place of the exact result; 1e9 for a wrong kind.
template <class T, class R>
double units(T found, R exact) {
  constexpr int DIGITS = sizeof(T) == 4 ? 24 : 53, LOWEST = sizeof(T) == 4 ? -125 : -1021;
  if (std::isnan(exact) || std::isnan(found))
    return std::isnan(exact) && std::isnan(found) ? 0 : 1e9;
  // beyond the largest number: infinity counts as the next number after it
  const R next = std::ldexp(R(1), sizeof(T) == 4 ? 128 : 1024);
  if (std::isinf(exact) || std::fabs(exact) >= next)
    return std::isinf(found) && std::signbit(found) == std::signbit(exact) ? 0 : 1e9;
  const R value = std::isinf(found) ? std::copysign(next, R(found)) : R(found);
  int exponent;
  std::frexp(exact, &exponent);
  if (exponent < LOWEST || exact == 0) exponent = LOWEST;
  return double(std::ldexp(std::fabs(value - exact), DIGITS - exponent));
}

template <class T>
struct Part {  // one thread's part of the numbers
  double worst[FUNCTIONS] = {};
  T where[FUNCTIONS] = {};
  uint64_t hash[FUNCTIONS];
};

template <class T>
using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;

uint64_t scrambled(uint64_t x) {  // splitmix64
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

float number(uint64_t i, uint64_t step, uint64_t first, float) {
  const uint32_t word = uint32_t(first + i * step);
  float x;
  std::memcpy(&x, &word, 4);
  return x;
}
double number(uint64_t i, uint64_t, uint64_t first, double) {
  i += first;
  uint64_t word = scrambled(i);
  if (i & 1)  // exponents from -40 to 10
    word = (word & 0x800fffffffffffffULL) | ((1023 - 40 + scrambled(~i) % 51) << 52);
  double x;
  std::memcpy(&x, &word, 8);
  return x;
}

template <class T>
void check(uint64_t begin, uint64_t end, uint64_t step, uint64_t first, bool bits_alone,
           Part<T>& part) {
  using R = std::conditional_t<sizeof(T) == 4, double, long double>;
  constexpr int L = COUNT<T>;
  for (uint64_t& hash : part.hash) hash = 14695981039346656037ULL;
  for (uint64_t i = begin; i < end; i += L) {
    alignas(64) T x[L], y[L];
    const int count = int(end - i < L ? end - i : L);
    for (int l = 0; l < L; ++l) x[l] = number(i + (l < count ? l : 0), step, first, T());
    for (int f = 0; f < FUNCTIONS; ++f) {
      store(y, ours(f, load(x)));
      for (int l = 0; l < count; ++l) {
        Bits<T> word = 1;
        if (y[l] == y[l]) std::memcpy(&word, &y[l], sizeof(T));
        part.hash[f] = (part.hash[f] ^ word) * 1099511628211ULL;
        if (bits_alone) continue;
        const double error = units(y[l], reference(f, R(x[l])));
        if (error > part.worst[f]) {
          part.worst[f] = error;
          part.where[f] = x[l];
        }
      }
    }
  }
}

template <class T>
void run(uint64_t count, uint64_t step, uint64_t first, int threads, bool bits_alone) {
  constexpr int PARTS = 64;  // the hash does not depend on the threads
  std::vector<Part<T>> parts(PARTS);
  std::vector<std::thread> pool;
  for (int t = 0; t < threads; ++t)
    pool.emplace_back([&, t] {
      for (int p = t; p < PARTS; p += threads)
        check(count * p / PARTS, count * (p + 1) / PARTS, step, first, bits_alone, parts[p]);
    });
  for (std::thread& thread : pool) thread.join();
  for (int f = 0; f < FUNCTIONS; ++f) {
    double worst = 0;
    T where = 0;
    uint64_t hash = 14695981039346656037ULL;
    for (const Part<T>& part : parts) {
      hash = (hash ^ part.hash[f]) * 1099511628211ULL;
      if (part.worst[f] > worst) worst = part.worst[f], where = part.where[f];
    }
    std::printf("%s %.3f %a %016llx\n", NAMES[f], worst, double(where),
                static_cast<unsigned long long>(hash));
  }
}
}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  const uint64_t number = std::strtoull(argv[2], nullptr, 10);
  const uint64_t first = std::strtoull(argv[3], nullptr, 10);
  const int threads = std::atoi(argv[4]);
  const bool bits_alone = argc > 5 && std::string(argv[5]) == "bits";
  if (std::string(argv[1]) == "float")
    run<float>(((uint64_t(1) << 32) - first + number - 1) / number, number, first, threads,
               bits_alone);
  else
    run<double>(number, 1, first, threads, bits_alone);
}
