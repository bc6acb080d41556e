// Chooses the kernels: the best ones that this processor can run, or those named by VETRO_ISA.
#pragma once
#include "program.h"

namespace vetro {

// Null if the processor has none of the instruction sets, or not the one named by VETRO_ISA.
const Kernels* kernels();
template <class T> const Table<T>& table_of(const Kernels&);

}  // namespace vetro
