// The training of one network or of many, its state and its results.
#include <algorithm>
#include <chrono>
#include <memory>

#include "border_task.h"
#include "pool.h"

namespace vetro {
namespace {

// The state that a trainer is set to, and that it hands out: arrays of the network's dtype, or None.
struct State {
  nb::object parameters, best, first_moment, second_moment, third, step;
  std::optional<Counters> counters;
};

struct Epoch {
  double training;
  std::optional<double> validation;
  double learning_rate;
  bool best;
  std::vector<double> weights, gradients;
};

class AnyTrainer {  // of either type
 public:
  virtual ~AnyTrainer() = default;
  virtual void feed(std::vector<int32_t> order, std::vector<double> rates) = 0;
  virtual Status advance(double seconds) = 0;
  virtual nb::object parameters() const = 0;
  virtual nb::object gradients() const = 0;
  virtual nb::object best() const = 0;
  virtual State state() const = 0;
  virtual void set_state(const State& state) = 0;
  virtual const std::vector<double>& losses() const = 0;
  virtual std::vector<Epoch> epochs_from(size_t first) const = 0;
  virtual const Counters& counters() const = 0;
  virtual const Settings& settings() const = 0;
  virtual size_t groups() const = 0;
  virtual int64_t rows() const = 0;
  bool busy = false;
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

// The arrays that a trainer points into; kept as long as it lives.
struct Kept {
  RowsObject rows;
  std::optional<RowsObject> validation;
  LossObject loss;
};

template <class T>
class TrainerOf : public AnyTrainer {
 public:
  TrainerOf(const ProgramObject& program, const AnyArray& parameters, Kept kept,
            const Optimizer& optimizer, Settings settings, bool finite)
      : kept_(std::move(kept)),
        loss_(kept_.loss.of<T>(size_t(program.layout.widths.back()))),
        data_(program.layout, loss_, kept_.rows, finite) {
    const Layout& layout = program.layout;
    if (kept_.validation) held_out_.emplace(layout, loss_, *kept_.validation, finite);
    const int64_t count = layout.parameter_count;
    for (const Range& range : optimizer.ranges) {
      require(range.end <= count, "a group's range is out of order or out of range");
      require(whole(layout, range.begin) && whole(layout, range.end),
              "a group's range cuts weights that are kept by columns");
    }
    for (const auto& [begin, end] : settings.measured) {
      require(end <= count, "a measured range is out of range");
      require(whole(layout, begin) && whole(layout, end),
              "a measured range cuts weights that are kept by columns");
    }
    const T* start = matrix<T>(parameters, 1, size_t(count), "parameters");
    if (settings.epoch_rows <= 0) settings.epoch_rows = data_.rows.count;
    settings.batch_size = std::min(settings.batch_size, settings.epoch_rows);
    trainer_ = std::make_unique<Trainer<T>>(layout, table_of<T>(kernels_here()), settings,
                                            optimizer, loss_, data_.rows,
                                            held_out_ ? held_out_->rows : Rows<T>{}, start);
  }

  void feed(std::vector<int32_t> order, std::vector<double> rates) override {
    trainer_->feed(std::move(order), std::move(rates));
  }
  Status advance(double seconds) override { return trainer_->advance(seconds); }
  nb::object parameters() const override { return in_order(trainer_->parameters); }
  nb::object gradients() const override { return in_order(trainer_->gradients); }
  nb::object best() const override { return in_order(trainer_->best); }
  State state() const override {
    auto array = [&](const Numbers<T>& values) -> nb::object {
      return values.empty() ? nb::none() : in_order(values);
    };
    const Trainer<T>& t = *trainer_;
    return {in_order(t.parameters), array(t.best), array(t.first_moment),
            array(t.second_moment),   array(t.third), numpy_copy(t.range_steps), t.counters};
  }
  void set_state(const State& state) override {
    Trainer<T>& t = *trainer_;
    // everything is checked before anything is copied
    std::vector<std::pair<Numbers<T>*, Vector<T>>> values;
    auto note = [&](const nb::object& given, const char* name, Numbers<T>& into) {
      if (!given.is_none() && !into.empty())
        values.emplace_back(&into, vector_of<T>(given, name, into.size()));
    };
    note(state.parameters, "parameters", t.parameters);
    note(state.best, "best", t.best);
    note(state.first_moment, "first_moment", t.first_moment);
    note(state.second_moment, "second_moment", t.second_moment);
    note(state.third, "third", t.third);
    Vector<double> steps;
    if (!state.step.is_none())
      steps = vector_of<double>(state.step, "step", t.range_steps.size());
    if (state.counters) {
      const Counters& c = *state.counters;
      for (int64_t number :
           {c.steps, c.epochs, c.position, c.best_epoch, c.waited, c.rate_waited})
        require(number >= 0, "a counter is out of range");
      require(c.position < t.settings.epoch_rows, "the position is out of range");
    }
    for (auto& [into, given] : values) t.keep(given.data(), *into);
    if (steps.is_valid()) std::copy_n(steps.data(), t.range_steps.size(), t.range_steps.data());
    if (!state.counters) return;
    t.counters = *state.counters;
    t.feed({}, {});  // a window is for the position at which it was fed
  }
  const std::vector<double>& losses() const override { return trainer_->losses; }
  std::vector<Epoch> epochs_from(size_t first) const override {
    const Trainer<T>& t = *trainer_;
    const size_t measured = t.settings.measured.size();
    std::vector<Epoch> found;
    for (size_t i = first; i < t.epochs.size(); ++i) {
      const EpochRecord& one = t.epochs[i];
      Epoch epoch{one.training, std::nullopt, one.learning_rate, one.best, {}, {}};
      if (held_out_) epoch.validation = one.validation;
      for (size_t m = 0; m < measured; ++m) {
        epoch.weights.push_back(float(t.sizes[2 * (i * measured + m)]));
        epoch.gradients.push_back(float(t.sizes[2 * (i * measured + m) + 1]));
      }
      found.push_back(std::move(epoch));
    }
    return found;
  }
  const Counters& counters() const override { return trainer_->counters; }
  const Settings& settings() const override { return trainer_->settings; }
  size_t groups() const override { return trainer_->optimizer.groups.size(); }
  int64_t rows() const override { return data_.rows.count; }

 private:
  nb::object in_order(const Numbers<T>& values) const {
    return numpy_copy(trainer_->in_order(values));
  }
  static bool whole(const Layout& layout, int64_t end) {  // of a range of parameters
    if (!layout.by_columns()) return true;
    const Operation& first = layout.operations.front();
    return end <= first.weight || end >= first.weight + int64_t(first.inputs) * first.outputs;
  }
  template <class V>
  using Vector = nb::ndarray<const V, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
  template <class V>
  static Vector<V> vector_of(const nb::object& given, const char* name, size_t size) {
    Vector<V> array;
    if (!nb::try_cast(given, array, false))
      throw nb::type_error((std::string(name) + " has the wrong type").c_str());
    require(array.shape(0) == size, std::string(name) + " has the wrong length");
    return array;
  }

  Kept kept_;
  Loss<T> loss_;
  Data<T> data_;
  std::optional<Data<T>> held_out_;
  std::unique_ptr<Trainer<T>> trainer_;
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

using AnyTrainerPointer = std::unique_ptr<AnyTrainer>;

struct TrainerObject {
  AnyTrainerPointer any;
};

void make_trainer(TrainerObject* self, const ProgramObject& program, const AnyArray& parameters,
                  const RowsObject& rows, const LossObject& loss, const Optimizer& optimizer,
                  const SettingsObject& settings, const std::optional<RowsObject>& validation) {
  Kept kept{rows, validation, loss};
  AnyTrainerPointer any;
  if (program.single)
    any = std::make_unique<TrainerOf<float>>(program, parameters, std::move(kept), optimizer,
                                             settings.settings, settings.finite);
  else
    any = std::make_unique<TrainerOf<double>>(program, parameters, std::move(kept), optimizer,
                                              settings.settings, settings.finite);
  new (self) TrainerObject{std::move(any)};
}

using Order = nb::ndarray<const int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Rates = nb::ndarray<const double, nb::ndim<3>, nb::c_contig, nb::device::cpu>;

void feed(TrainerObject& self, const std::optional<Order>& order, const Rates& rates) {
  AnyTrainer& any = *self.any;
  require(!any.busy, "the trainer is running");
  require(rates.shape(1) == any.groups() && rates.shape(2) == 2,
          "rates must have the shape (steps, groups, 2)");
  const Settings& settings = any.settings();
  std::vector<int32_t> rows;
  if (order) {
    int64_t needed = 0, position = any.counters().position;
    for (size_t s = 0; s < rates.shape(0); ++s) {
      const int64_t size = std::min(settings.batch_size, settings.epoch_rows - position);
      needed += size;
      position = position + size >= settings.epoch_rows ? 0 : position + size;
    }
    require(int64_t(order->size()) >= needed, "order has too few rows for these steps");
    rows.assign(order->data(), order->data() + order->size());
    bool within = true;
    for (int32_t row : rows) within &= row >= 0 && row < any.rows();
    require(within, "order holds a row out of range");
  } else {
    require(settings.epoch_rows <= any.rows(), "without an order an epoch has at most all rows");
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

nb::tuple tuple_of(const std::vector<double>& values) {
  return nb::tuple(nb::cast(values));
}

void bind_state(nb::module_& m) {
  nb::class_<Counters>(
      m, "Counters",
      "Where a training stands.  position: rows of the epoch that are done.  waited, rate_waited:\n"
      "epochs without a better one, for patience and for plateau.  rate: factor of the learning\n"
      "rate.  epoch_sum, epoch_weight: of the losses since the epoch began.")
      .def(
          nb::init<int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, double, double, double,
                   double>(),
          nb::kw_only(), "steps"_a, "epochs"_a, "position"_a, "best_epoch"_a, "waited"_a,
          "rate_waited"_a, "rate"_a, "best_score"_a, "epoch_sum"_a, "epoch_weight"_a)
      .def_ro("steps", &Counters::steps)
      .def_ro("epochs", &Counters::epochs)
      .def_ro("position", &Counters::position)
      .def_ro("best_epoch", &Counters::best_epoch)
      .def_ro("waited", &Counters::waited)
      .def_ro("rate_waited", &Counters::rate_waited)
      .def_ro("rate", &Counters::rate)
      .def_ro("best_score", &Counters::best_score)
      .def_ro("epoch_sum", &Counters::epoch_sum)
      .def_ro("epoch_weight", &Counters::epoch_weight);

#define VETRO_ARRAY(NAME)                                                               \
  def_prop_ro(#NAME, [](const State& s) { return s.NAME; },                             \
              nb::sig("def " #NAME "(self) -> numpy.typing.NDArray | None"))
  nb::class_<State>(
      m, "State",
      "The state of a trainer, or the part of one that set_state takes over: flat vectors\n"
      "(parameter_count,) of the network's dtype, step (ranges,) float64, and counters.  None: not\n"
      "kept, or left as it is.")
      .def(
          nb::init<nb::object, nb::object, nb::object, nb::object, nb::object, nb::object,
                   std::optional<Counters>>(),
          nb::kw_only(), "parameters"_a = nb::none(), "best"_a = nb::none(),
          "first_moment"_a = nb::none(), "second_moment"_a = nb::none(), "third"_a = nb::none(),
          "step"_a = nb::none(), "counters"_a = nb::none())
      .VETRO_ARRAY(parameters)
      .VETRO_ARRAY(best)
      .VETRO_ARRAY(first_moment)
      .VETRO_ARRAY(second_moment)
      .VETRO_ARRAY(third)
      .VETRO_ARRAY(step)
      .def_ro("counters", &State::counters);
#undef VETRO_ARRAY

  nb::class_<Epoch>(
      m, "Epoch",
      "An epoch that has ended: mean losses (validation: None without validation rows), the\n"
      "learning rate, whether it is the best so far, and, for each measured range, the root mean\n"
      "square of its parameters and of its last gradients, rounded to float32.")
      .def_ro("training", &Epoch::training)
      .def_ro("validation", &Epoch::validation)
      .def_ro("learning_rate", &Epoch::learning_rate)
      .def_ro("best", &Epoch::best)
      .def_prop_ro("weights", [](const Epoch& e) { return tuple_of(e.weights); },
                   nb::sig("def weights(self) -> tuple[float, ...]"))
      .def_prop_ro("gradients", [](const Epoch& e) { return tuple_of(e.gradients); },
                   nb::sig("def gradients(self) -> tuple[float, ...]"));
}

}  // namespace

void bind_trainer(nb::module_& m) {
  bind_state(m);
  nb::class_<TrainerObject>(m, "Trainer", "The training loop of one network.")
      .def("__init__", &make_trainer, "program"_a, "parameters"_a, "rows"_a, "loss"_a,
           "optimizer"_a, "settings"_a, "validation"_a.none() = nb::none())
      .def("feed", &feed, "order"_a.noconvert().none(), "rates"_a.noconvert(),
           "The next steps: row numbers step after step (None: consecutive rows), and rates (steps,\n"
           "groups, 2): learning rate, and momentum or beta1.")
      .def("advance", &advance, "seconds"_a,
           "Run until the steps that were fed are done (\"hungry\"), the time is over (\"time\"), or\n"
           "training ends (\"done\", \"patience\", \"diverged\").")
      .def_prop_ro("steps", [](const TrainerObject& t) { return t.any->counters().steps; })
      .def_prop_ro("epochs", [](const TrainerObject& t) { return t.any->counters().epochs; })
      .def_prop_ro("best_epoch",
                   [](const TrainerObject& t) { return t.any->counters().best_epoch; })
      .def_prop_ro("best_score",
                   [](const TrainerObject& t) { return t.any->counters().best_score; })
      .def("losses", &losses, "first"_a = 0, nb::sig("def losses(self, first: int = 0) -> numpy.typing.NDArray"),
           "The loss of each step from `first` on, float64.")
      .def("epochs_from", [](const TrainerObject& t, size_t first) { return t.any->epochs_from(first); },
           "first"_a = 0, "The epochs that have ended since this trainer was made, from `first` on.")
      .def("parameters", [](const TrainerObject& t) { return t.any->parameters(); },
           nb::sig("def parameters(self) -> numpy.typing.NDArray"))
      .def("gradients", [](const TrainerObject& t) { return t.any->gradients(); },
           nb::sig("def gradients(self) -> numpy.typing.NDArray"))
      .def("best", [](const TrainerObject& t) { return t.any->best(); },
           nb::sig("def best(self) -> numpy.typing.NDArray"))
      .def("state", [](const TrainerObject& t) { return t.any->state(); })
      .def("set_state", [](TrainerObject& t, const State& state) {
        require(!t.any->busy, "the trainer is running");
        t.any->set_state(state);
      }, "state"_a);
  m.def("advance_many", &advance_many, "trainers"_a, "seconds"_a, "threads"_a = 0,
        "Advance many trainers over all cores; the status of each.");
}

}  // namespace vetro
