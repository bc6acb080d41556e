// Chooses the kernels: the best that this processor can run, or those that VETRO_ISA names.
#pragma once
#include "program.h"

namespace vetro {

// Null if the processor has none of the sets, or not the one that VETRO_ISA names.
const Kernels* kernels();
template <class T> const Table<T>& table_of(const Kernels&);

}  // namespace vetro
