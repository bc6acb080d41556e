// The boundary to Python: all input is checked here; the kernels check nothing.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>

#include "dispatch.h"
#include "layout.h"
#include "pool.h"
#include "predictor.h"
#include "trainer.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace vetro {
namespace {

template <class T>
using Array = nb::ndarray<const T, nb::c_contig, nb::device::cpu>;
using AnyArray = nb::ndarray<nb::ro, nb::device::cpu>;

void require(bool holds, const std::string& what) {
  if (!holds) throw nb::value_error(what.c_str());
}

// nb::cast, with a TypeError that says what is wrong.
template <class V>
V cast_to(nb::handle object, const char* name, bool convert = true) {
  V value{};
  if (!nb::try_cast(object, value, convert))
    throw nb::type_error((std::string(name) + " has the wrong type").c_str());
  return value;
}

const Kernels& kernels_here() {
  const Kernels* found = kernels();
  if (!found) throw std::runtime_error("this processor has none of the engine's instruction sets");
  return *found;
}

template <class T>
nb::object numpy_copy(const T* data, std::vector<size_t> shape) {
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

const std::map<std::string, int32_t> KINDS = {{"affine", AFFINE},   {"activation", ACTIVATION},
                                              {"layer_norm", LAYER_NORM}, {"dropout", DROPOUT},
                                              {"scale", SCALE},     {"add", ADD}};
const std::map<std::string, int32_t> FUNCTIONS = {
    {"identity", IDENTITY}, {"relu", RELU}, {"leaky_relu", LEAKY_RELU}, {"elu", ELU},
    {"tanh", TANH}, {"sigmoid", SIGMOID}, {"silu", SILU}, {"gelu", GELU},
    {"gelu_tanh", GELU_TANH}, {"softplus", SOFTPLUS}};
const std::map<std::string, int32_t> LOSSES = {
    {"mse", MSE}, {"l1", L1}, {"smooth_l1", SMOOTH_L1}, {"huber", HUBER},
    {"bce", BCE_LOGITS}, {"cross_entropy", CROSS_ENTROPY}};
const std::map<std::string, int32_t> OPTIMIZERS = {
    {"sgd", SGD}, {"adam", ADAM}, {"adamw", ADAMW}, {"rmsprop", RMSPROP}};

int32_t code(const std::map<std::string, int32_t>& names, const std::string& name) {
  const auto found = names.find(name);
  require(found != names.end(), "'" + name + "' is unknown");
  return found->second;
}

template <class V>
V entry(const nb::dict& dict, const char* name, V fallback) {
  return dict.contains(name) && !dict[name].is_none() ? cast_to<V>(dict[name], name) : fallback;
}
nb::object needed(const nb::dict& dict, const char* name) {
  require(dict.contains(name), std::string("there is no '") + name + "'");
  return dict[name];
}

// ---- networks --------------------------------------------------------------------------

using OperationTuple = nb::tuple;  // see the docstring of Program

struct ProgramObject {
  Layout layout;
  bool single;
};

std::vector<double> doubles(nb::handle object, size_t size) {
  using Vector = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
  const auto values = cast_to<Vector>(object, "a factor or shift");
  require(values.shape(0) == size, "a factor or shift has the wrong length");
  for (size_t i = 0; i < size; ++i)
    require(std::isfinite(values.data()[i]), "a factor or shift is not finite");
  return {values.data(), values.data() + size};
}

ProgramObject make_program(const std::string& dtype, const std::vector<int32_t>& widths,
                           const std::vector<OperationTuple>& operations, int64_t parameter_count,
                           const std::vector<std::pair<int32_t, int32_t>>& one_hot) {
  require(dtype == "float32" || dtype == "float64", "dtype must be float32 or float64");
  ProgramObject program{{}, dtype == "float32"};
  Layout& layout = program.layout;
  layout.widths = widths;
  require(parameter_count >= 0, "parameter_count must not be negative");
  layout.parameter_count = parameter_count;
  for (const OperationTuple& t : operations) {
    require(t.size() == 13, "an operation has 13 entries");
    Operation op{};
    op.kind = code(KINDS, cast_to<std::string>(t[0], "an entry of an operation"));
    op.function = code(FUNCTIONS, cast_to<std::string>(t[1], "an entry of an operation"));
    op.in = cast_to<int32_t>(t[2], "an entry of an operation");
    op.in2 = cast_to<int32_t>(t[3], "an entry of an operation");
    op.out = cast_to<int32_t>(t[4], "an entry of an operation");
    const int32_t made = int32_t(widths.size());
    require(op.in >= 0 && op.in < made && op.out >= 0 && op.out < made && op.in2 < made,
            "an operation names a value that is not there");
    op.inputs = widths[size_t(op.in)];
    op.outputs = widths[size_t(op.out)];
    op.weight = cast_to<int64_t>(t[5], "an entry of an operation");
    op.bias = cast_to<int64_t>(t[6], "an entry of an operation");
    op.a = cast_to<double>(t[7], "an entry of an operation");
    op.b = cast_to<double>(t[8], "an entry of an operation");
    op.learns_weight = cast_to<bool>(t[9], "an entry of an operation");
    op.learns_bias = cast_to<bool>(t[10], "an entry of an operation");
    require(op.kind != LAYER_NORM || op.a >= 0, "eps must not be negative");
    if (op.kind == SCALE) {
      for (size_t i : {size_t(11), size_t(12)}) {
        (i == 11 ? op.weight : op.bias) = int64_t(layout.constants.size());
        for (double value : doubles(t[i], size_t(op.outputs))) layout.constants.push_back(value);
      }
    }
    layout.operations.push_back(op);
  }
  try {  // refuses what is wrong now rather than at the first use
    Layout(layout).arrange(1, program.single, true);
    if (!one_hot.empty()) layout.set_groups(one_hot);
  } catch (const std::invalid_argument& wrong) {
    throw nb::value_error(wrong.what());
  }
  return program;
}

// ---- training --------------------------------------------------------------------------

Group make_group(int32_t kind, const nb::dict& d) {
  return {kind,
          entry(d, "momentum", 0.0),
          entry(d, "dampening", 0.0),
          entry(d, "weight_decay", 0.0),
          entry(d, "beta1", 0.9),
          entry(d, "beta2", 0.999),
          entry(d, "eps", 1e-8),
          entry(d, "alpha", 0.99),
          entry(d, "nesterov", false),
          entry(d, "maximize", false),
          entry(d, "amsgrad", false),
          entry(d, "centered", false)};
}

class AnyTrainer {  // of either type
 public:
  virtual ~AnyTrainer() = default;
  virtual void feed(std::vector<int32_t> order, std::vector<double> rates) = 0;
  virtual Status advance(double seconds) = 0;
  virtual nb::object vector(const std::string& name) const = 0;
  virtual nb::dict state() const = 0;
  virtual void set_state(const nb::dict& state) = 0;
  virtual const std::vector<double>& losses() const = 0;
  virtual const std::vector<EpochRecord>& epochs() const = 0;
  virtual const std::vector<double>& sizes() const = 0;
  virtual int64_t counter(int which) const = 0;
  virtual double best_score() const = 0;
  int64_t rows = 0;
  size_t groups = 0, measured = 0;
  bool busy = false;
  std::vector<nb::object> kept;  // arrays that the trainer points into
  std::vector<int32_t> codes, held_out_codes;
};

struct Busy {  // no second thread of Python may touch a trainer that runs
  explicit Busy(std::vector<AnyTrainer*> trainers) : trainers_(std::move(trainers)) {
    for (AnyTrainer* one : trainers_) one->busy = true;
  }
  ~Busy() {
    for (AnyTrainer* one : trainers_) one->busy = false;
  }
  Busy(const Busy&) = delete;
  std::vector<AnyTrainer*> trainers_;
};

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

template <class T>
bool all_finite(const T* values, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (!std::isfinite(values[i])) return false;
  return true;
}

// For each row and group the column that is 1, counted within the group, or -1.
template <class T>
std::vector<int32_t> codes_of(const Layout& layout, const T* x, size_t count) {
  const size_t groups = layout.group_starts.size(), inputs = size_t(layout.widths.front());
  std::vector<int32_t> codes(count * groups, -1);
  for (size_t r = 0; r < count; ++r)
    for (size_t g = 0; g < groups; ++g)
      for (int32_t c = 0; c < layout.group_sizes[g]; ++c) {
        const T value = x[r * inputs + size_t(layout.group_starts[g] + c)];
        if (value == T(0)) continue;
        require(value == T(1) && codes[r * groups + g] < 0, "x is not one-hot where it should be");
        codes[r * groups + g] = c;
      }
  return codes;
}

template <class T>
struct Data {
  Rows<T> rows{};
  std::vector<int32_t> codes;

  Data(const Layout& layout, int32_t loss, int64_t ignored, const AnyArray& x, const AnyArray& y,
       const std::optional<AnyArray>& weights, bool finite) {
    const size_t count = x.ndim() ? x.shape(0) : 0;
    require(count > 0, "there are no rows");
    require(count < (size_t(1) << 31), "there are too many rows");
    const size_t inputs = size_t(layout.widths.front()), outputs = size_t(layout.widths.back());
    rows.count = int64_t(count);
    rows.x = matrix<T>(x, inputs, count, "x");
    require(!finite || all_finite(rows.x, count * inputs), "x holds values that are not finite");
    if (loss == CROSS_ENTROPY) {
      rows.classes = matrix<int64_t>(y, 1, count, "y");
      for (size_t r = 0; r < count; ++r)
        require((rows.classes[r] >= 0 && rows.classes[r] < int64_t(outputs)) ||
                    rows.classes[r] == ignored,
                "y holds a class that is out of range");
    } else {
      rows.y = matrix<T>(y, outputs, count, "y");
      require(!finite || all_finite(rows.y, count * outputs), "y holds values that are not finite");
    }
    if (weights) rows.weights = matrix<T>(*weights, 1, count, "weights");
    require(!finite || !weights || all_finite(rows.weights, count),
            "the weights hold values that are not finite");
    if (layout.group_starts.empty()) return;
    codes = codes_of(layout, rows.x, count);
    rows.codes = codes.data();
  }
};

template <class T>
class TrainerOf : public AnyTrainer {
 public:
  TrainerOf(const ProgramObject& program, const Settings& settings, const Loss<T>& loss,
            const Rows<T>& rows, const Rows<T>& validation, const T* parameters)
      : trainer_(program.layout, table_of<T>(kernels_here()), settings, loss, rows, validation,
                 parameters) {}

  void feed(std::vector<int32_t> order, std::vector<double> rates) override {
    trainer_.feed(std::move(order), std::move(rates));
  }
  Status advance(double seconds) override { return trainer_.advance(seconds); }
  nb::object vector(const std::string& name) const override {
    if (name == "parameters") return numpy_copy(trainer_.parameters);
    if (name == "gradients") return numpy_copy(trainer_.gradients);
    return numpy_copy(trainer_.best);
  }
  nb::dict state() const override {
    nb::dict d;
    d["parameters"] = numpy_copy(trainer_.parameters);
    if (!trainer_.best.empty()) d["best"] = numpy_copy(trainer_.best);
    for (const auto& [name, values] : buffers(trainer_))
      if (!values->empty()) d[name] = numpy_copy(*values);
    d["step"] = numpy_copy(trainer_.range_steps);
    const auto& c = trainer_.counters;
    const double numbers[] = {double(c.steps), double(c.epochs), double(c.position),
                              double(c.best_epoch), double(c.waited), double(c.rate_waited),
                              c.rate, c.best_score, c.epoch_sum, c.epoch_weight};
    d["counters"] = numpy_copy(numbers, {10});
    return d;
  }
  void set_state(const nb::dict& d) override {
    // everything is checked before anything is copied
    std::vector<std::pair<Numbers<T>*, Vector<T>>> values;
    auto note = [&](const char* name, Numbers<T>& into) {
      if (d.contains(name) && !into.empty())
        values.emplace_back(&into, vector_of<T>(d, name, into.size()));
    };
    note("parameters", trainer_.parameters);
    note("best", trainer_.best);
    for (auto& [name, into] : buffers(trainer_)) note(name, *into);
    auto& steps = trainer_.range_steps;
    Vector<double> range_steps, numbers;
    if (d.contains("step")) range_steps = vector_of<double>(d, "step", steps.size());
    if (d.contains("counters")) {
      numbers = vector_of<double>(d, "counters", 10);
      const double* n = numbers.data();
      for (int i = 0; i < 6; ++i) require(n[i] >= 0 && n[i] < 0x1p53, "a counter is out of range");
      require(n[2] < double(trainer_.settings.epoch_rows), "the position is out of range");
    }
    for (auto& [into, given] : values) std::copy_n(given.data(), into->size(), into->data());
    if (range_steps.is_valid()) std::copy_n(range_steps.data(), steps.size(), steps.data());
    if (!numbers.is_valid()) return;
    const double* n = numbers.data();
    trainer_.counters = {int64_t(n[0]), int64_t(n[1]), int64_t(n[2]), int64_t(n[3]), int64_t(n[4]),
                         int64_t(n[5]), n[6], n[7], n[8], n[9]};
    trainer_.feed({}, {});  // a window is for the position at which it was fed
  }
  const std::vector<double>& losses() const override { return trainer_.losses; }
  const std::vector<EpochRecord>& epochs() const override { return trainer_.epochs; }
  const std::vector<double>& sizes() const override { return trainer_.sizes; }
  int64_t counter(int which) const override {
    const auto& c = trainer_.counters;
    return which == 0 ? c.steps : which == 1 ? c.epochs : which == 2 ? c.best_epoch : c.position;
  }
  double best_score() const override { return trainer_.counters.best_score; }
  const Settings& settings() const { return trainer_.settings; }

 private:
  template <class Owner>
  static auto buffers(Owner& owner) {
    return std::vector<std::pair<const char*, decltype(&owner.third)>>{
        {"first_moment", &owner.first_moment},
        {"second_moment", &owner.second_moment},
        {"third", &owner.third}};
  }
  template <class V>
  using Vector = nb::ndarray<const V, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
  template <class V>
  static Vector<V> vector_of(const nb::dict& d, const char* name, size_t size) {
    auto array = cast_to<Vector<V>>(d[name], name, false);
    require(array.shape(0) == size, std::string(name) + " has the wrong length");
    return array;
  }
  Trainer<T> trainer_;
};

const char* name_of(Status status) {
  switch (status) {
    case Status::HUNGRY: return "hungry";
    case Status::TIME: return "time";
    case Status::DONE: return "done";
    case Status::DIVERGED: return "diverged";
    default: return "patience";
  }
}

struct TrainerObject {
  std::unique_ptr<AnyTrainer> any;
  int64_t batch = 0, epoch_rows = 0;

  template <class T>
  void build(const ProgramObject& program, const AnyArray& parameters, const AnyArray& x,
             const AnyArray& y, const std::optional<AnyArray>& weights, const nb::dict& loss_dict,
             const nb::object& validation, Settings settings, bool finite) {
    const Layout& layout = program.layout;
    const size_t outputs = size_t(layout.widths.back());
    Loss<T> loss{};
    loss.kind = code(LOSSES, cast_to<std::string>(needed(loss_dict, "kind"), "kind"));
    const auto reduction = entry<std::string>(loss_dict, "reduction", "mean");
    require(reduction == "mean" || reduction == "sum", "the reduction must be mean or sum");
    settings.mean = reduction == "mean";
    loss.a = entry(loss_dict, "a", 0.0);
    loss.ignored = entry<int64_t>(loss_dict, "ignored", -100);
    std::vector<nb::object> held;
    auto weights_of = [&](const char* name) -> const T* {
      if (!loss_dict.contains(name) || loss_dict[name].is_none()) return nullptr;
      held.push_back(nb::borrow(loss_dict[name]));
      return matrix<T>(cast_to<AnyArray>(loss_dict[name], name), 1, outputs, name);
    };
    loss.class_weights = weights_of("class_weights");
    loss.positive_weights = weights_of("positive_weights");
    loss.weighted_mean =
        loss.kind == CROSS_ENTROPY && settings.mean && entry(loss_dict, "weighted_mean", true);
    loss.row_mean = settings.mean && entry(loss_dict, "row_mean", false);
    Data<T> data(layout, loss.kind, loss.ignored, x, y, weights, finite);
    Rows<T> held_out{};
    std::vector<int32_t> held_out_codes;
    if (!validation.is_none()) {
      const auto t = cast_to<nb::tuple>(validation, "validation");
      require(t.size() == 2 || t.size() == 3, "validation must be x, y and perhaps weights");
      std::optional<AnyArray> w;
      if (t.size() > 2 && !t[2].is_none()) w = cast_to<AnyArray>(t[2], "validation");
      Data<T> more(layout, loss.kind, loss.ignored, cast_to<AnyArray>(t[0], "validation"),
                   cast_to<AnyArray>(t[1], "validation"), w, finite);
      held_out = more.rows;
      held_out_codes = std::move(more.codes);  // its memory stays where it is
    }
    const T* start = matrix<T>(parameters, 1, size_t(layout.parameter_count), "parameters");
    if (settings.epoch_rows <= 0) settings.epoch_rows = data.rows.count;
    settings.batch_size = std::min(settings.batch_size, settings.epoch_rows);
    batch = settings.batch_size;
    epoch_rows = settings.epoch_rows;
    any = std::make_unique<TrainerOf<T>>(program, settings, loss, data.rows, held_out, start);
    any->rows = data.rows.count;
    any->groups = settings.groups.size();
    any->measured = settings.measured.size();
    any->kept = std::move(held);
    any->codes = std::move(data.codes);
    any->held_out_codes = std::move(held_out_codes);
  }
};

void make_trainer(TrainerObject* self, const ProgramObject& program, const AnyArray& parameters,
                  const AnyArray& x, const AnyArray& y, const std::optional<AnyArray>& weights,
                  const nb::dict& loss, const nb::dict& optimizer,
                  const std::vector<std::tuple<int64_t, int64_t, int32_t>>& groups,
                  int64_t batch_size, int64_t total_steps, const nb::object& validation,
                  int64_t patience, bool keep_best, double clip_norm, double clip_value,
                  int64_t plateau, int threads, uint64_t seed, int64_t epoch_rows, bool finite,
                  const std::vector<std::pair<int64_t, int64_t>>& measured) {
  new (self) TrainerObject();
  Settings settings{};
  const int32_t kind = code(OPTIMIZERS, cast_to<std::string>(needed(optimizer, "kind"), "kind"));
  for (nb::handle group : cast_to<nb::list>(needed(optimizer, "groups"), "groups"))
    settings.groups.push_back(make_group(kind, cast_to<nb::dict>(group, "a group")));
  require(!settings.groups.empty(), "the optimizer has no groups");
  int64_t before = 0;
  for (const auto& [begin, end, group] : groups) {
    require(begin >= before && end > begin && end <= program.layout.parameter_count,
            "a group's range is out of order or out of range");
    require(group >= 0 && size_t(group) < settings.groups.size(), "a range has no group");
    settings.ranges.push_back({begin, end, group});
    before = end;
  }
  for (const auto& [begin, end] : measured)
    require(begin >= 0 && end > begin && end <= program.layout.parameter_count,
            "a measured range is out of range");
  settings.measured = measured;
  require(batch_size >= 1, "batch_size must be at least 1");
  require(total_steps >= 0 && patience >= 0 && plateau >= 0 && epoch_rows >= 0 && threads >= 0,
          "counts must not be negative");
  require(clip_norm >= 0 && clip_value >= 0, "limits of gradients must not be negative");
  settings.batch_size = batch_size;
  settings.total_steps = total_steps;
  settings.epoch_rows = epoch_rows;
  settings.patience = patience;
  settings.plateau = plateau;
  settings.keep_best = keep_best;
  settings.clip_norm = clip_norm;
  settings.clip_value = clip_value;
  settings.threads = std::min(64, threads > 0 ? threads : cores());
  settings.seed = seed;
  if (program.single)
    self->build<float>(program, parameters, x, y, weights, loss, validation, settings, finite);
  else
    self->build<double>(program, parameters, x, y, weights, loss, validation, settings, finite);
  for (nb::object object : {nb::cast(x), nb::cast(y), validation})
    self->any->kept.push_back(std::move(object));
  if (weights) self->any->kept.push_back(nb::cast(*weights));
}

void feed(TrainerObject& self, const std::optional<Array<int32_t>>& order, const Array<double>& rates) {
  AnyTrainer& any = *self.any;
  require(!any.busy, "the trainer is running");
  require(rates.ndim() == 3 && rates.shape(1) == any.groups && rates.shape(2) == 2,
          "rates must have the shape (steps, groups, 2)");
  std::vector<int32_t> rows;
  const int64_t steps = int64_t(rates.shape(0));
  if (order) {
    require(order->ndim() == 1, "order must have one dimension");
    int64_t needed = 0, position = any.counter(3);
    for (int64_t s = 0; s < steps; ++s) {
      const int64_t size = std::min(self.batch, self.epoch_rows - position);
      needed += size;
      position = position + size >= self.epoch_rows ? 0 : position + size;
    }
    require(int64_t(order->size()) >= needed, "order has too few rows for these steps");
    rows.assign(order->data(), order->data() + order->size());
    bool within = true;
    for (int32_t row : rows) within &= row >= 0 && row < any.rows;
    require(within, "order holds a row out of range");
  } else {
    require(self.epoch_rows <= any.rows, "without an order an epoch has at most all rows");
  }
  any.feed(std::move(rows), {rates.data(), rates.data() + rates.size()});
}

std::string advance(TrainerObject& self, double seconds) {
  AnyTrainer& any = *self.any;
  require(!any.busy, "the trainer is running");
  const Busy busy({&any});
  nb::gil_scoped_release release;
  return name_of(any.advance(seconds));
}

std::vector<std::string> advance_many(const std::vector<TrainerObject*>& trainers, double seconds,
                                      int threads) {
  std::vector<AnyTrainer*> all;
  for (const TrainerObject* one : trainers) {
    if (!one) throw nb::type_error("None is no trainer");
    require(std::find(all.begin(), all.end(), one->any.get()) == all.end(), "a trainer comes twice");
    require(!one->any->busy, "a trainer is running");
    all.push_back(one->any.get());
  }
  const Busy busy(std::move(all));
  std::vector<Status> statuses(trainers.size(), Status::TIME);
  {
    nb::gil_scoped_release release;
    const auto start = std::chrono::steady_clock::now();
    run_parallel(int64_t(trainers.size()), std::min(64, threads > 0 ? threads : cores()),
                 [&](int64_t i, int) {
                   const std::chrono::duration<double> spent =
                       std::chrono::steady_clock::now() - start;
                   const double left = seconds - spent.count();
                   if (left > 0) statuses[size_t(i)] = trainers[size_t(i)]->any->advance(left);
                 });
  }
  std::vector<std::string> names;
  for (Status status : statuses) names.push_back(name_of(status));
  return names;
}

nb::object losses(const TrainerObject& self, size_t first) {
  const std::vector<double>& all = self.any->losses();
  first = std::min(first, all.size());
  return numpy_copy(all.data() + first, {all.size() - first});
}

nb::object epoch_records(const TrainerObject& self, size_t first) {
  const std::vector<EpochRecord>& all = self.any->epochs();
  std::vector<double> flat;
  for (size_t i = std::min(first, all.size()); i < all.size(); ++i)
    for (double value : {all[i].training, all[i].validation, all[i].learning_rate,
                         double(all[i].best), double(all[i].steps)})
      flat.push_back(value);
  return numpy_copy(flat.data(), {flat.size() / 5, 5});
}

nb::object epoch_sizes(const TrainerObject& self, size_t first) {
  const std::vector<double>& all = self.any->sizes();
  const size_t measured = self.any->measured;
  first = std::min(first, self.any->epochs().size());
  return numpy_copy(all.data() + first * measured * 2,
                    {self.any->epochs().size() - first, measured, 2});
}

// ---- prediction ------------------------------------------------------------------------

struct PredictorObject {
  std::unique_ptr<Predictor<float>> single;
  std::unique_ptr<Predictor<double>> twofold;

  template <class T>
  nb::object run(Predictor<T>& predictor, const nb::handle& x_object, nb::object out) {
    using In = nb::ndarray<const T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
    using Out = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
    In x;
    if (!nb::try_cast(x_object, x, false)) throw nb::value_error("x must be a contiguous matrix of the network's dtype");
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
      if (!nb::try_cast(out, given, false)) throw nb::value_error("out must be a contiguous matrix of the network's dtype");
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
  nb::object call(nb::handle x, nb::object out) {
    return single ? run(*single, x, std::move(out)) : run(*twofold, x, std::move(out));
  }
};

void make_predictor(PredictorObject* self, const ProgramObject& program, const AnyArray& parameters,
                    int threads) {
  new (self) PredictorObject();
  const int count = std::min(64, threads > 0 ? threads : cores());
  const size_t size = size_t(program.layout.parameter_count);
  if (program.single)
    self->single = std::make_unique<Predictor<float>>(
        program.layout, table_of<float>(kernels_here()),
        matrix<float>(parameters, 1, size, "parameters"), count);
  else
    self->twofold = std::make_unique<Predictor<double>>(
        program.layout, table_of<double>(kernels_here()),
        matrix<double>(parameters, 1, size, "parameters"), count);
}

}  // namespace

NB_MODULE(_native, m) {
  m.doc() = "The native engine's border; see native/README.md.";
  m.def("isa", [] { return kernels() ? kernels()->name : ""; },
        "The instruction set that runs: avx512, avx2 or neon; empty if there is none.");
  m.def("cores", &cores, "Cores that this process may use.");
  nb::class_<ProgramObject>(m, "Program",
                            "A network as operations: tuples of kind, function, in, in2, out, "
                            "weight, bias, a, b, learns_weight, learns_bias, factor, shift.  one_hot: "
                            "(first column, columns) of inputs of which at most one is 1.")
      .def("__init__",
           [](ProgramObject* self, const std::string& dtype, const std::vector<int32_t>& widths,
              const std::vector<OperationTuple>& operations, int64_t parameter_count,
              const std::vector<std::pair<int32_t, int32_t>>& one_hot) {
             new (self) ProgramObject(
                 make_program(dtype, widths, operations, parameter_count, one_hot));
           },
           "dtype"_a, "widths"_a, "operations"_a, "parameter_count"_a,
           "one_hot"_a = std::vector<std::pair<int32_t, int32_t>>());
  nb::class_<TrainerObject>(m, "Trainer", "The training loop of one network.")
      .def("__init__", &make_trainer, "program"_a, "parameters"_a, "x"_a, "y"_a,
           "weights"_a.none(), "loss"_a, "optimizer"_a, "groups"_a, "batch_size"_a,
           "total_steps"_a, "validation"_a.none() = nb::none(), "patience"_a = 0,
           "keep_best"_a = false, "clip_norm"_a = 0.0, "clip_value"_a = 0.0, "plateau"_a = 0,
           "threads"_a = 0, "seed"_a = 0, "epoch_rows"_a = 0, "finite"_a = true,
           "measured"_a = std::vector<std::pair<int64_t, int64_t>>())
      .def("feed", &feed, "order"_a.noconvert().none(), "rates"_a.noconvert())
      .def("advance", &advance, "seconds"_a)
      .def_prop_ro("steps", [](const TrainerObject& t) { return t.any->counter(0); })
      .def_prop_ro("epochs", [](const TrainerObject& t) { return t.any->counter(1); })
      .def_prop_ro("best_epoch", [](const TrainerObject& t) { return t.any->counter(2); })
      .def_prop_ro("best_score", [](const TrainerObject& t) { return t.any->best_score(); })
      .def("losses", &losses, "first"_a = 0)
      .def("epoch_records", &epoch_records, "first"_a = 0)
      .def("epoch_sizes", &epoch_sizes, "first"_a = 0,
           "(epochs, measured, 2): root mean squares of the parameters at each epoch's end, and of "
           "the gradients of its last step.")
      .def("parameters", [](const TrainerObject& t) { return t.any->vector("parameters"); })
      .def("gradients", [](const TrainerObject& t) { return t.any->vector("gradients"); })
      .def("best", [](const TrainerObject& t) { return t.any->vector("best"); })
      .def("state", [](const TrainerObject& t) { return t.any->state(); })
      .def("set_state", [](TrainerObject& t, const nb::dict& d) {
        require(!t.any->busy, "the trainer is running");
        t.any->set_state(d);
      });
  m.def("advance_many", &advance_many, "trainers"_a, "seconds"_a, "threads"_a = 0,
        "Advance many trainers over all cores; the status of each.");
  nb::class_<PredictorObject>(m, "Predictor", "Outputs of a network for rows.")
      .def("__init__", &make_predictor, "program"_a, "parameters"_a, "threads"_a = 0)
      .def("__call__", &PredictorObject::call, "x"_a, "out"_a.none() = nb::none());
}

}  // namespace vetro
