// Prediction: a network with its parameters, called with rows.
#include <algorithm>
#include <memory>

#include "border.h"
#include "pool.h"
#include "predictor.h"

namespace vetro {
namespace {

template <class T>
nb::object predict(Predictor<T>& predictor, const nb::handle& x_object, nb::object out) {
  using In = nb::ndarray<const T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
  using Out = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
  In x;
  require(nb::try_cast(x_object, x, false), "x must be a contiguous matrix of the network's dtype");
  require(x.shape(1) == size_t(predictor.inputs()), "x has the wrong number of columns");
  const size_t count = x.shape(0), outputs = size_t(predictor.outputs());
  T* result;
  if (out.is_none()) {
    result = new T[count * outputs + 1];
    nb::capsule owner(result, [](void* p) noexcept { delete[] static_cast<T*>(p); });
    const size_t shape[] = {count, outputs};
    out = nb::cast(nb::ndarray<nb::numpy, T>(result, 2, shape, owner));
  } else {
    Out given;
    require(nb::try_cast(out, given, false), "out must be a contiguous matrix of the network's dtype");
    require(given.shape(0) == count && given.shape(1) == outputs, "out has the wrong shape");
    result = given.data();
  }
  if (count <= 8) {
    predictor.predict(x.data(), int64_t(count), result);
  } else {
    nb::gil_scoped_release release;
    predictor.predict(x.data(), int64_t(count), result);
  }
  return out;
}

struct PredictorObject {
  std::unique_ptr<Predictor<float>> single;
  std::unique_ptr<Predictor<double>> twofold;
};

template <class T>
std::unique_ptr<Predictor<T>> made(const ProgramObject& program, const AnyArray& parameters,
                                   int threads) {
  const size_t size = size_t(program.layout.parameter_count);
  return std::make_unique<Predictor<T>>(program.layout, table_of<T>(kernels_here()),
                                        matrix<T>(parameters, 1, size, "parameters"),
                                        std::min(64, threads > 0 ? threads : cores()));
}

}  // namespace

void bind_predictor(nb::module_& m) {
  nb::class_<PredictorObject>(m, "Predictor", "Outputs of a network for rows.")
      .def(
          "__init__",
          [](PredictorObject* self, const ProgramObject& program, const AnyArray& parameters,
             int threads) {
            PredictorObject predictor;
            if (program.single)
              predictor.single = made<float>(program, parameters, threads);
            else
              predictor.twofold = made<double>(program, parameters, threads);
            new (self) PredictorObject(std::move(predictor));
          },
          "program"_a, "parameters"_a, "threads"_a = 0)
      .def(
          "__call__",
          [](PredictorObject& self, nb::handle x, nb::object out) {
            return self.single ? predict(*self.single, x, std::move(out))
                               : predict(*self.twofold, x, std::move(out));
          },
          "x"_a.none(), "out"_a.none() = nb::none(),
          nb::sig("def __call__(self, x: numpy.typing.NDArray, out: numpy.typing.NDArray | None = None) -> numpy.typing.NDArray"),
          "The outputs (rows, outputs) of x (rows, inputs), both of the network's dtype; written\n"
          "into `out` if it is given.");
}

}  // namespace vetro
