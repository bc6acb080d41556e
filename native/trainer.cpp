#include "trainer.h"

#include <algorithm>
#include <chrono>

#include "pool.h"

namespace vetro {
namespace {

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <class V>
void make_room(std::vector<V>& values, size_t more) {
  const size_t needed = values.size() + more;
  if (needed > values.capacity()) values.reserve(std::max(needed, 2 * values.capacity()));
}

}  // namespace

template <class T>
Trainer<T>::Trainer(const Layout& layout, const Table<T>& table, const Settings& settings_,
                    const Optimizer& optimizer_, const Loss<T>& loss, const Rows<T>& rows,
                    const Rows<T>& validation, const T* start)
    : settings(settings_), optimizer(optimizer_), table_(table), rows_(rows), validation_(validation),
      batches_(layout, table, loss, std::max(settings_.batch_size, validation.count),
               settings_.batch_size, settings_.threads) {
  const size_t count = size_t(batches_.parameter_count());
  if (layout.by_columns()) {
    weights_at_ = layout.operations.front().weight;
    places_ = layout.places();
  }
  parameters.assign(count, T(0));
  keep(start, parameters);
  gradients.assign(count, T(0));
  if (settings.keep_best) best = parameters;
  bool first = adam(), more = false;
  for (const Group& group : optimizer.groups) {
    first |= group.momentum != 0;
    more |= group.amsgrad || group.centered;
  }
  const bool second = optimizer.kind != SGD;
  if (first) first_moment.assign(count, T(0));
  if (second) second_moment.assign(count, T(0));
  if (more) third.assign(count, T(0));
  range_steps.assign(optimizer.ranges.size(), 0);
  if (validation_.count) validation_blocks_ = batches_.lay_out(validation_);
}

template <class T>
std::vector<T> Trainer<T>::in_order(const Numbers<T>& kept) const {
  std::vector<T> found(kept.begin(), kept.end());
  if (found.empty()) return found;
  for (size_t i = 0; i < places_.size(); ++i)
    found[size_t(weights_at_ + places_[i])] = kept[size_t(weights_at_) + i];
  return found;
}

template <class T>
void Trainer<T>::keep(const T* given, Numbers<T>& kept) const {
  std::copy_n(given, kept.size(), kept.data());
  for (size_t i = 0; i < places_.size(); ++i)
    kept[size_t(weights_at_) + i] = given[weights_at_ + places_[i]];
}

template <class T>
void Trainer<T>::feed(std::vector<int32_t> order, std::vector<double> rates) {
  in_order_ = order.empty();
  order_ = std::move(order);
  rates_ = std::move(rates);
  order_used_ = rates_used_ = 0;
  // room for what this window records, so that steps ask for no memory
  const size_t steps = rates_.size() / (2 * optimizer.groups.size());
  const int64_t in_epoch = (settings.epoch_rows + settings.batch_size - 1) / settings.batch_size;
  make_room(losses, steps);
  const size_t ends = steps / size_t(in_epoch) + 2;
  make_room(epochs, ends);
  make_room(sizes, ends * 2 * settings.measured.size());
  if (in_order_ && settings.batch_size >= rows_.count && blocks_.empty())
    blocks_ = batches_.lay_out(rows_);
}

template <class T>
Status Trainer<T>::advance(double seconds) {
  const double until = seconds_now() + seconds;
  const size_t rates_a_step = 2 * optimizer.groups.size();
  for (int since = 0;;) {
    if (counters.steps >= settings.total_steps) return Status::DONE;
    if (settings.patience && counters.waited >= settings.patience) return Status::PATIENCE;
    if (rates_used_ + rates_a_step > rates_.size()) return Status::HUNGRY;
    if (!step()) return Status::DIVERGED;
    // Reading the clock costs as much as a tiny network's step, so it is read after several steps.
    const double work = double(parameters.size()) * double(settings.batch_size);
    since += work > 1e6 ? 16 : 1;
    if (since >= 16) {
      since = 0;
      if (seconds_now() >= until) return Status::TIME;
    }
  }
}

template <class T>
bool Trainer<T>::step() {
  const int64_t size = std::min(settings.batch_size, settings.epoch_rows - counters.position);
  const int32_t* order = in_order_ ? nullptr : order_.data() + order_used_;
  static const typename Batches<T>::Blocks none;
  const uint32_t seed = uint32_t(settings.seed) ^ uint32_t(settings.seed >> 32) ^
                        uint32_t(counters.steps) * 0x9e3779b9U;
  const double loss = batches_.run(rows_, order, counters.position, size, in_order_ ? blocks_ : none,
                                   parameters.data(), gradients.data(), true, seed);
  losses.push_back(loss);
  if (!std::isfinite(loss)) return false;
  update(rates_.data() + rates_used_);
  counters.epoch_sum += loss * double(size);
  counters.epoch_weight += double(size);
  ++counters.steps;
  counters.position += size;
  if (counters.position >= settings.epoch_rows || counters.steps == settings.total_steps)
    end_epoch();
  order_used_ += in_order_ ? 0 : size_t(size);
  rates_used_ += 2 * optimizer.groups.size();
  return true;
}

template <class T>
void Trainer<T>::update(const double* rates) {
  double factor = 1;
  if (settings.clip_norm > 0) {
    double squares = 0;
    for (const Range& range : optimizer.ranges)
      squares += table_.square_sum(gradients.data() + range.begin, range.end - range.begin);
    factor = std::min(1.0, settings.clip_norm / (std::sqrt(squares) + 1e-6));
  }
  auto data = [](Numbers<T>& v) { return v.empty() ? nullptr : v.data(); };
  for (size_t r = 0; r < optimizer.ranges.size(); ++r) {
    // Neighbours with the same settings are updated in one go.
    Range range = optimizer.ranges[r];
    const bool first = range_steps[r] == 0;
    const double step = range_steps[r] += 1;
    for (; r + 1 < optimizer.ranges.size(); ++r) {
      const Range& next = optimizer.ranges[r + 1];
      if (next.begin != range.end || next.group != range.group || range_steps[r + 1] + 1 != step)
        break;
      range.end = next.end;
      range_steps[r + 1] = step;
    }
    const Group& group = optimizer.groups[size_t(range.group)];
    const double second_rate = rates[2 * range.group + 1];
    Update<T> u{};
    u.kind = optimizer.kind;
    u.nesterov = group.nesterov;
    u.maximize = group.maximize;
    u.amsgrad = group.amsgrad;
    u.centered = group.centered;
    u.first = first;
    u.learning_rate = rates[2 * range.group] * counters.rate;
    u.momentum = adam() || group.momentum == 0 ? 0 : second_rate;
    u.dampening = group.dampening;
    u.weight_decay = group.weight_decay;
    u.beta1 = adam() ? second_rate : 0;
    u.beta2 = group.beta2;
    u.eps = group.eps;
    u.alpha = group.alpha;
    u.step = step;
    u.gradient_factor = factor;
    u.gradient_limit = settings.clip_value;
    u.parameters = parameters.data();
    u.gradients = gradients.data();
    u.first_moment = data(first_moment);
    u.second_moment = data(second_moment);
    u.third = data(third);
    const int64_t parts = (range.end - range.begin + PART - 1) / PART;
    run_parallel(parts, parts > 2 ? settings.threads : 1, [&](int64_t part, int) {
      Update<T> mine = u;
      mine.begin = range.begin + part * PART;
      mine.end = std::min(range.end, mine.begin + PART);
      table_.update(mine);
    });
  }
}

template <class T>
double Trainer<T>::size_of(const Numbers<T>& values, int64_t begin, int64_t end) const {
  return std::sqrt(table_.square_sum(values.data() + begin, end - begin) / double(end - begin));
}

template <class T>
void Trainer<T>::end_epoch() {
  EpochRecord record{};
  record.training = counters.epoch_sum / counters.epoch_weight;
  record.validation =
      validation_.count ? batches_.run(validation_, nullptr, 0, validation_.count,
                                       validation_blocks_, parameters.data(), nullptr, false, 0)
                        : std::numeric_limits<double>::quiet_NaN();
  record.learning_rate = rates_[rates_used_] * counters.rate;
  const double score = validation_.count ? record.validation : record.training;
  ++counters.epochs;
  // up to from_epoch the latest epoch is the best
  record.best = score < (counters.epochs <= settings.from_epoch
                             ? std::numeric_limits<double>::infinity()
                             : counters.best_score);
  if (record.best && settings.keep_best)  // the last update may have overflowed
    record.best = std::all_of(parameters.begin(), parameters.end(),
                              [](T value) { return std::isfinite(value); });
  if (record.best) {
    counters.best_score = score;
    counters.best_epoch = counters.epochs;
    counters.waited = counters.rate_waited = 0;
    if (settings.keep_best) best = parameters;
  } else {
    ++counters.waited;
    if (++counters.rate_waited >= settings.plateau && settings.plateau) {
      counters.rate *= 0.5;
      counters.rate_waited = 0;
    }
  }
  epochs.push_back(record);
  for (const auto& [begin, end] : settings.measured) {
    sizes.push_back(size_of(parameters, begin, end));
    sizes.push_back(size_of(gradients, begin, end));
  }
  counters.position = 0;
  counters.epoch_sum = counters.epoch_weight = 0;
}

template class Trainer<float>;
template class Trainer<double>;

}  // namespace vetro
