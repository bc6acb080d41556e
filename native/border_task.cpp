#include "border_task.h"

#include <algorithm>
#include <cmath>

#include "pool.h"

namespace vetro {
namespace {

const Names LOSSES = {VETRO_LOSSES(VETRO_NAME)};
const Names OPTIMIZERS = {VETRO_OPTIMIZERS(VETRO_NAME)};

template <class T>
bool all_finite(const T* values, size_t count) {
  return std::all_of(values, values + count, [](T value) { return std::isfinite(value); });
}

// The column of a one-hot group that is 1, or -1.
template <class T>
int32_t hot_column(const T* x, int32_t size) {
  int32_t found = -1;
  for (int32_t c = 0; c < size; ++c) {
    if (x[c] == T(0)) continue;
    require(x[c] == T(1) && found < 0, "x is not one-hot where it should be");
    found = c;
  }
  return found;
}

// The column of a piecewise group that the share stands in: all before it are 1, all after it 0.
template <class T>
int32_t broken_column(const T* x, int32_t size) {
  int32_t found = 0;
  while (found + 1 < size && x[found] == T(1)) ++found;
  bool holds = x[found] >= T(0) && x[found] <= T(1);
  for (int32_t c = found + 1; c < size; ++c) holds &= x[c] == T(0);
  require(holds, "x is not piecewise linear where it should be");
  return found;
}

Optimizer make_optimizer(const std::string& kind, std::vector<Group> groups,
                         std::vector<Range> ranges) {
  require(!groups.empty(), "the optimizer has no groups");
  int64_t before = 0;
  for (const Range& range : ranges) {
    require(range.begin >= before && range.end > range.begin,
            "a group's range is out of order or out of range");
    require(range.group >= 0 && size_t(range.group) < groups.size(), "a range has no group");
    before = range.end;
  }
  return {code(OPTIMIZERS, kind), std::move(groups), std::move(ranges)};
}

SettingsObject make_settings(int64_t batch_size, int64_t total_steps, int64_t epoch_rows,
                             int64_t patience, int64_t plateau, int64_t from_epoch, bool keep_best,
                             double clip_norm, double clip_value, int threads, uint64_t seed,
                             std::vector<std::pair<int64_t, int64_t>> measured, bool finite) {
  require(batch_size >= 1, "batch_size must be at least 1");
  require(total_steps >= 0 && patience >= 0 && plateau >= 0 && from_epoch >= 0 && epoch_rows >= 0 && threads >= 0,
          "counts must not be negative");
  require(clip_norm >= 0 && clip_value >= 0, "limits of gradients must not be negative");
  for (const auto& [begin, end] : measured)
    require(begin >= 0 && end > begin, "a measured range is out of range");
  Settings settings{};
  settings.batch_size = batch_size;
  settings.total_steps = total_steps;
  settings.epoch_rows = epoch_rows;
  settings.patience = patience;
  settings.plateau = plateau;
  settings.from_epoch = from_epoch;
  settings.keep_best = keep_best;
  settings.clip_norm = clip_norm;
  settings.clip_value = clip_value;
  settings.threads = std::min(64, threads > 0 ? threads : cores());
  settings.seed = seed;
  settings.measured = std::move(measured);
  return {std::move(settings), finite};
}

}  // namespace

template <class T>
Loss<T> LossObject::of(size_t outputs) const {
  auto weights = [&](const MaybeArray& array, const char* name) -> const T* {
    return array ? matrix<T>(*array, 1, outputs, name) : nullptr;
  };
  Loss<T> loss{};
  loss.kind = kind;
  loss.mean = mean;
  loss.weighted_mean = kind == CROSS_ENTROPY && mean && weighted_mean;
  loss.row_mean = mean && row_mean;
  loss.a = a;
  loss.ignored = ignored;
  loss.class_weights = weights(class_weights, "class_weights");
  loss.positive_weights = weights(positive_weights, "positive_weights");
  return loss;
}

template <class T>
Data<T>::Data(const Layout& layout, const Loss<T>& loss, const RowsObject& given, bool finite) {
  const size_t all = given.x.ndim() ? given.x.shape(0) : 0;
  const size_t count = !given.numbers ? all : given.numbers->ndim() ? given.numbers->shape(0) : 0;
  require(count > 0, "there are no rows");
  require(count < (size_t(1) << 31), "there are too many rows");
  const size_t inputs = size_t(layout.widths.front()), outputs = size_t(layout.widths.back());
  rows.count = int64_t(count);
  const T* x = matrix<T>(given.x, inputs, all, "x");
  require(!finite || all_finite(x, all * inputs), "x holds values that are not finite");
  const int32_t* numbers = nullptr;
  if (given.numbers) {
    numbers = matrix<int32_t>(*given.numbers, 1, count, "numbers");
    require(std::all_of(numbers, numbers + count,
                        [&](int32_t one) { return one >= 0 && size_t(one) < all; }),
            "numbers holds a row that is out of range");
  }
  if (loss.kind == CROSS_ENTROPY) {
    rows.classes = matrix<int64_t>(given.y, 1, count, "y");
    for (size_t r = 0; r < count; ++r)
      require((rows.classes[r] >= 0 && rows.classes[r] < int64_t(outputs)) ||
                  rows.classes[r] == loss.ignored,
              "y holds a class that is out of range");
  } else {
    rows.y = matrix<T>(given.y, outputs, count, "y");
    require(!finite || all_finite(rows.y, count * outputs), "y holds values that are not finite");
  }
  if (given.weights) rows.weights = matrix<T>(*given.weights, 1, count, "weights");
  require(!finite || !given.weights || all_finite(rows.weights, count),
          "the weights hold values that are not finite");
  rows.x = x;
  if (!layout.groups.empty())
    encode(layout, x, numbers);
  else if (numbers)
    take(x, numbers, inputs);
}

template <class T>
void Data<T>::take(const T* x, const int32_t* numbers, size_t inputs) {
  taken.reserve(size_t(rows.count) * inputs);
  for (int64_t r = 0; r < rows.count; ++r) {
    const T* row = x + size_t(numbers[r]) * inputs;
    taken.insert(taken.end(), row, row + inputs);
  }
  rows.x = taken.data();
}

template <class T>
void Data<T>::encode(const Layout& layout, const T* x, const int32_t* numbers) {
  const size_t count = size_t(rows.count), inputs = size_t(layout.widths.front());
  codes.reserve(count * layout.groups.size());
  shares.reserve(count * layout.groups.size());
  dense.reserve(count * layout.dense_columns.size());
  for (size_t r = 0; r < count; ++r) {
    const T* row = x + (numbers ? size_t(numbers[r]) : r) * inputs;
    for (const InputGroup& group : layout.groups) {
      const T* own = row + group.first;
      const int32_t column =
          group.piecewise ? broken_column(own, group.size) : hot_column(own, group.size);
      codes.push_back(column);
      shares.push_back(group.piecewise ? own[column] : T(0));
    }
    for (int32_t column : layout.dense_columns) dense.push_back(row[column]);
  }
  rows.codes = codes.data();
  rows.shares = shares.data();
  rows.dense = dense.data();
}

template Loss<float> LossObject::of<float>(size_t) const;
template Loss<double> LossObject::of<double>(size_t) const;
template struct Data<float>;
template struct Data<double>;

void bind_task(nb::module_& m) {
  nb::class_<RowsObject>(
      m, "Rows",
      "Arrays that are read where they lie: x (rows, inputs) and y (rows, outputs) of the network's\n"
      "dtype, or classes (rows,) int64; weights (rows,).  numbers: (rows,) int32 of these rows in x,\n"
      "which then may have more.")
      .def(nb::init<AnyArray, AnyArray, MaybeArray, MaybeArray>(), "x"_a, "y"_a,
           "weights"_a.none() = nb::none(), "numbers"_a.none() = nb::none());

  nb::class_<LossObject>(
      m, "Loss",
      "A loss and its options.  reduction: mean or sum.  a: beta of smooth_l1, delta of huber, label\n"
      "smoothing of cross_entropy.  ignored: the class that does not count.  weighted_mean: the mean\n"
      "of cross_entropy divides by the sum of class weights; row_mean: a mean over weighted rows\n"
      "divides by the sum of their weights, else by the number of rows.")
      .def(
          "__init__",
          [](LossObject* self, const std::string& kind, const std::string& reduction, double a,
             int64_t ignored, bool weighted_mean, bool row_mean, MaybeArray class_weights,
             MaybeArray positive_weights) {
            require(reduction == "mean" || reduction == "sum",
                    "the reduction must be mean or sum");
            new (self) LossObject{code(LOSSES, kind), reduction == "mean", weighted_mean, row_mean,
                                  a, ignored, std::move(class_weights),
                                  std::move(positive_weights)};
          },
          "kind"_a, nb::kw_only(), "reduction"_a = "mean", "a"_a = 0.0, "ignored"_a = -100,
          "weighted_mean"_a = true, "row_mean"_a = false, "class_weights"_a.none() = nb::none(),
          "positive_weights"_a.none() = nb::none());

  nb::class_<Group>(m, "Group",
                    "Settings of a parameter group.  The learning rate, and momentum or beta1, come\n"
                    "with each step; here momentum only says whether there is one.")
      .def(nb::init<double, double, double, double, double, double, bool, bool, bool, bool>(),
           nb::kw_only(), "momentum"_a = 0.0, "dampening"_a = 0.0, "weight_decay"_a = 0.0,
           "beta2"_a = 0.999, "eps"_a = 1e-8, "alpha"_a = 0.99, "nesterov"_a = false,
           "maximize"_a = false, "amsgrad"_a = false, "centered"_a = false);

  nb::class_<Range>(m, "Range", "Parameters [begin, end) of the flat vector that a group updates.")
      .def(nb::init<int64_t, int64_t, int32_t>(), "begin"_a, "end"_a, "group"_a = 0);

  nb::class_<Optimizer>(m, "Optimizer",
                        "An update rule, its groups, and the ranges that learn, in order.")
      .def(
          "__init__",
          [](Optimizer* self, const std::string& kind, std::vector<Group> groups,
             std::vector<Range> ranges) {
            new (self) Optimizer(make_optimizer(kind, std::move(groups), std::move(ranges)));
          },
          "kind"_a, "groups"_a, "ranges"_a);

  nb::class_<SettingsObject>(
      m, "Settings",
      "Rows per step and per epoch (0: all rows), the number of steps, and when to stop: patience in\n"
      "epochs, 0 for never.  plateau: halve the learning rate after so many epochs without a better\n"
      "one, 0 for never.  from_epoch: until then the latest epoch is the best.  clip_norm, clip_value: 0 for none.  threads: 0 for all cores.  seed: of\n"
      "dropout.  measured: [begin, end) of parameters whose sizes each epoch records.  finite:\n"
      "refuse rows that are not.")
      .def(
          "__init__",
          [](SettingsObject* self, int64_t batch_size, int64_t total_steps, int64_t epoch_rows,
             int64_t patience, int64_t plateau, int64_t from_epoch, bool keep_best,
             double clip_norm, double clip_value, int threads, uint64_t seed,
             std::vector<std::pair<int64_t, int64_t>> measured, bool finite) {
            new (self) SettingsObject(make_settings(batch_size, total_steps, epoch_rows, patience,
                                                    plateau, from_epoch, keep_best, clip_norm, clip_value,
                                                    threads, seed, std::move(measured), finite));
          },
          nb::kw_only(), "batch_size"_a, "total_steps"_a, "epoch_rows"_a = 0, "patience"_a = 0,
          "plateau"_a = 0, "from_epoch"_a = 0, "keep_best"_a = false, "clip_norm"_a = 0.0, "clip_value"_a = 0.0,
          "threads"_a = 0, "seed"_a = 0,
          "measured"_a = std::vector<std::pair<int64_t, int64_t>>(), "finite"_a = true);
}

}  // namespace vetro
