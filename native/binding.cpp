// The extension module vetro._native; see border.h.
#include "border.h"
#include "pool.h"

NB_MODULE(_native, m) {
  using namespace vetro;
  m.doc() = "The native engine's border; see native/README.md.";
  m.def("isa", [] { return kernels() ? kernels()->name : ""; },
        "The instruction set that runs: avx512, avx2 or neon; empty if there is none.");
  m.def("cores", &cores, "Cores that this process may use.");
  bind_program(m);
  bind_task(m);
  bind_trainer(m);
  bind_predictor(m);
  bind_squares(m);
}
