// The loss of a batch of rows and its gradients: chunk after chunk, several at once on threads.
//
// It knows no steps, epochs and updates (trainer.h).  The number of threads changes no bit.
#pragma once
#include <cstdint>
#include <vector>

#include "aligned.h"
#include "layout.h"
#include "program.h"

namespace vetro {

constexpr int64_t PART = 1 << 15;  // parameters that a thread takes at a time

template <class T>
class Batches {
 public:
  // Each chunk: inputs, targets and weights in the workspace's layout.
  using Blocks = std::vector<Numbers<T>>;

  // most: rows of the largest batch of all; batch_size: of the largest that learns.
  Batches(const Layout& layout, const Table<T>& table, const Loss<T>& loss, int64_t most,
          int64_t batch_size, int threads);

  // The loss of `count` rows from `first`; order: their numbers (null: consecutive rows).  blocks:
  // of all rows, or none.  gradients are written if it is learning.  seed: of dropout.
  double run(const Rows<T>& rows, const int32_t* order, int64_t first, int64_t count,
             const Blocks& blocks, const T* parameters, T* gradients, bool learning, uint32_t seed);
  Blocks lay_out(const Rows<T>& rows) const;
  int64_t parameter_count() const { return program_.parameter_count; }

 private:
  double scale_of(const Rows<T>& rows, const int32_t* order, int64_t first, int64_t count);
  double weight_of(const Rows<T>& rows, const int32_t* order, int64_t first, int64_t count) const;
  bool classes() const { return loss_.kind == CROSS_ENTROPY; }

  Layout layout_;
  Program program_;
  const Table<T>& table_;
  Loss<T> loss_;
  std::vector<Numbers<T>> workspaces_, slots_;
  std::vector<int64_t> chosen_;  // classes of the batch's rows
};

extern template class Batches<float>;
extern template class Batches<double>;

}  // namespace vetro
