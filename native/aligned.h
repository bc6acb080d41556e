// Vectors that begin at a cache line: a register's load across two lines costs two reads.
#pragma once
#include <cstddef>
#include <new>
#include <vector>

namespace vetro {

template <class T>
struct Aligned {
  using value_type = T;
  static constexpr std::align_val_t LINE{64};
  Aligned() = default;
  template <class U>
  Aligned(const Aligned<U>&) {}
  T* allocate(size_t count) {
    return static_cast<T*>(::operator new(count * sizeof(T), LINE));
  }
  void deallocate(T* numbers, size_t) { ::operator delete(numbers, LINE); }
  bool operator==(const Aligned&) const { return true; }
  bool operator!=(const Aligned&) const { return false; }
};

template <class T>
using Numbers = std::vector<T, Aligned<T>>;

}  // namespace vetro
