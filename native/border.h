// The boundary to Python: all input is checked here; the kernels check nothing.
//
// border_program.cpp: networks.  border_task.*: the parts of a training.  border_trainer.cpp:
// its run and its results.  border_predictor.cpp: prediction.  border_squares.cpp: sums of squares.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "dispatch.h"
#include "layout.h"

namespace vetro {

namespace nb = nanobind;
using namespace nb::literals;

using AnyArray = nb::ndarray<nb::ro, nb::device::cpu>;
using MaybeArray = std::optional<AnyArray>;

inline void require(bool holds, const std::string& what) {
  if (!holds) throw nb::value_error(what.c_str());
}

inline const Kernels& kernels_here() {
  const Kernels* found = kernels();
  if (!found) throw std::runtime_error("this processor has none of the engine's instruction sets");
  return *found;
}

using Names = std::map<std::string, int32_t>;
#define VETRO_NAME(constant, name, ...) {name, constant},  // of the lists beside the formulas

inline int32_t code(const Names& names, const std::string& name) {
  const auto found = names.find(name);
  require(found != names.end(), "'" + name + "' is unknown");
  return found->second;
}

template <class T>
nb::object numpy_copy(const T* data, const std::vector<size_t>& shape) {
  size_t size = 1;
  for (size_t n : shape) size *= n;
  T* copy = new T[size ? size : 1];
  if (size) std::memcpy(copy, data, size * sizeof(T));
  nb::capsule owner(copy, [](void* p) noexcept { delete[] static_cast<T*>(p); });
  return nb::cast(nb::ndarray<nb::numpy, T>(copy, shape.size(), shape.data(), owner));
}
template <class T, class A>
nb::object numpy_copy(const std::vector<T, A>& data) {
  return numpy_copy(data.data(), {data.size()});
}

// The numbers of a contiguous array (rows, columns), or (rows,) where there is one column.
template <class T>
const T* matrix(const AnyArray& array, size_t columns, size_t rows, const char* name) {
  require(array.dtype() == nb::dtype<T>(), std::string(name) + " has the wrong dtype");
  const bool flat = array.ndim() == 1 && columns == 1;
  require(flat || (array.ndim() == 2 && array.shape(1) == columns),
          std::string(name) + " has the wrong shape");
  require(array.shape(0) == rows, std::string(name) + " has the wrong number of rows");
  int64_t expected = 1;
  for (size_t i = array.ndim(); i-- > 0; expected *= int64_t(array.shape(i)))
    require(array.shape(i) == 1 || array.stride(i) == expected,
            std::string(name) + " is not contiguous");
  return static_cast<const T*>(array.data());
}

struct ProgramObject {
  Layout layout;
  bool single;  // float32, else float64
};

void bind_program(nb::module_& m);
void bind_task(nb::module_& m);
void bind_trainer(nb::module_& m);
void bind_predictor(nb::module_& m);
void bind_squares(nb::module_& m);

}  // namespace vetro
