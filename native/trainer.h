// The loop: steps, epochs, validation, patience and the best parameters of one network.
//
// It does not depend on Python.  `advance` runs until its window of steps is used up, the time is
// over or training ends.  It can be called again; the number of calls changes no bit.
#pragma once
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aligned.h"
#include "batch.h"
#include "layout.h"
#include "program.h"

namespace vetro {

struct Group {  // settings of one parameter group; learning rates come with the window
  double momentum, dampening, weight_decay, beta2, eps, alpha;
  bool nesterov, maximize, amsgrad, centered;
};

struct Range {  // parameters [begin, end) belong to a group
  int64_t begin, end;
  int32_t group;
};

struct Optimizer {
  int32_t kind;
  std::vector<Group> groups;
  std::vector<Range> ranges;
};

struct Settings {
  int64_t batch_size, epoch_rows, total_steps, patience, plateau, from_epoch;
  bool keep_best;
  double clip_norm, clip_value;
  int threads;
  uint64_t seed;  // of dropout
  std::vector<std::pair<int64_t, int64_t>> measured;  // begin, end: ranges measured every epoch
};

struct EpochRecord {
  double training, validation, learning_rate;  // validation: NaN where nothing is validated
  bool best;
};

struct Counters {  // the part of a trainer's state that is no vector
  int64_t steps = 0, epochs = 0, position = 0, best_epoch = 0, waited = 0, rate_waited = 0;
  double rate = 1, best_score = std::numeric_limits<double>::infinity();
  double epoch_sum = 0, epoch_weight = 0;
};

enum class Status { HUNGRY, TIME, DONE, DIVERGED, PATIENCE };

template <class T>
class Trainer {
 public:
  Trainer(const Layout& layout, const Table<T>& table, const Settings& settings,
          const Optimizer& optimizer, const Loss<T>& loss, const Rows<T>& rows,
          const Rows<T>& validation, const T* parameters);

  // The next steps.  order: the row numbers, step after step (empty: consecutive rows).  rates:
  // learning rate and momentum (or beta1) of every group for every step.
  void feed(std::vector<int32_t> order, std::vector<double> rates);
  Status advance(double seconds);

  // Vectors of parameters are kept as the kernels read them, Layout::by_columns.  Their numbers in
  // the network's order, and back.
  std::vector<T> in_order(const Numbers<T>& kept) const;
  void keep(const T* given, Numbers<T>& kept) const;

  Counters counters;
  Numbers<T> parameters, gradients, best, first_moment, second_moment, third;
  std::vector<double> range_steps;  // t of each range
  std::vector<double> losses;
  std::vector<EpochRecord> epochs;
  // For each epoch: root mean squares of the parameters and of the last gradients of each measured
  // range, side by side.
  std::vector<double> sizes;
  const Settings settings;
  const Optimizer optimizer;

 private:
  bool step();
  void end_epoch();
  double size_of(const Numbers<T>& values, int64_t begin, int64_t end) const;
  void update(const double* rates);
  bool adam() const { return optimizer.kind == ADAM || optimizer.kind == ADAMW; }

  const Table<T>& table_;
  int64_t weights_at_ = 0;
  std::vector<int32_t> places_;  // of the first layer's weights; empty: in order
  Rows<T> rows_, validation_;
  Batches<T> batches_;
  typename Batches<T>::Blocks blocks_, validation_blocks_;  // data that do not change
  std::vector<int32_t> order_;
  std::vector<double> rates_;
  size_t order_used_ = 0, rates_used_ = 0;
  bool in_order_ = true;
};

extern template class Trainer<float>;
extern template class Trainer<double>;

}  // namespace vetro
