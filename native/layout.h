// The memory layout: from a list of operations to the Program that the kernels read.
//
// The shapes alone decide which deltas are needed, which buffers can be shared and how many
// rows a chunk has.
#pragma once
#include <vector>

#include "program.h"

namespace vetro {

struct Layout {
  std::vector<Operation> operations;
  std::vector<int32_t> widths;
  std::vector<int64_t> values_at, deltas_at;
  std::vector<double> constants;  // factors and shifts of SCALE
  std::vector<float> constants_single;
  std::vector<InputGroup> groups;      // inputs that are stored as codes
  std::vector<int32_t> dense_columns;  // the other inputs, if there are groups
  int64_t parameter_count = 0;

  // Set the groups of inputs that become codes, in any order; small groups stay numbers.
  void set_groups(std::vector<InputGroup> given);

  // Whether a trainer keeps the first layer's weights by columns: those of the dense columns
  // (outputs, dense columns), then those of the groups (columns, outputs).
  bool by_columns() const;

  // For each of these weights, as the trainer keeps them, its place among (outputs, inputs).
  std::vector<int32_t> places() const;

  // Check the operations (std::invalid_argument gives the fault) and set their other fields.
  // most_rows: of a batch; no chunk has more.  single: whether T is float, not double.
  Program arrange(int64_t most_rows, bool single, bool training);

 private:
  void check() const;
  void mark_backward();
};

}  // namespace vetro
