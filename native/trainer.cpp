#include "trainer.h"

#include <algorithm>
#include <chrono>

#include "pool.h"

namespace vetro {
namespace {

// With fewer multiplications, handing work to a second thread costs more than the work.
constexpr double WORTH_A_THREAD = 1.5e6;
constexpr int64_t UPDATE_PART = 1 << 15;

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
    : settings(settings_), optimizer(optimizer_), layout_(layout), table_(table), loss_(loss), rows_(rows),
      validation_(validation) {
  const int64_t most = std::max(settings.batch_size, validation.count);
  program_ = layout_.arrange(most, sizeof(T) == 4, true);
  const size_t count = size_t(program_.parameter_count);
  parameters.assign(start, start + count);
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
  const int64_t chunks = (most + program_.chunk - 1) / program_.chunk;
  const int workers = int(std::min<int64_t>(settings.threads, chunks));
  workspaces_.assign(size_t(workers), Numbers<T>(size_t(program_.workspace), T(0)));
  if (chunks > 1) slots_.assign(size_t(workers), Numbers<T>(count, T(0)));
  if (loss_.weighted_mean) chosen_.assign(size_t(settings.batch_size), 0);
  if (validation_.count) validation_blocks_ = lay_out_all(validation_);
}

template <class T>
std::vector<Numbers<T>> Trainer<T>::lay_out_all(const Rows<T>& rows) const {
  // Each chunk: inputs, targets and weights in the workspace's layout.
  const int64_t x_size = int64_t(program_.inputs) * program_.stride;
  const int64_t y_size = program_.weights_at - program_.y_at;
  std::vector<Numbers<T>> blocks;
  for (int64_t first = 0; first < rows.count; first += program_.chunk) {
    Numbers<T> block(size_t(x_size + y_size + program_.stride), T(0));
    table_.lay_out(program_, rows, nullptr, first,
                   int(std::min<int64_t>(program_.chunk, rows.count - first)), classes(),
                   block.data(), block.data() + x_size, block.data() + x_size + y_size);
    blocks.push_back(std::move(block));
  }
  return blocks;
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
    blocks_ = lay_out_all(rows_);
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
    const double work = double(program_.parameter_count) * double(settings.batch_size);
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
  static const std::vector<Numbers<T>> none;
  const bool resident = in_order_ && !blocks_.empty();
  const double loss =
      run_batch(rows_, order, counters.position, size, resident ? blocks_ : none, true);
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
double Trainer<T>::scale_of(const Rows<T>& rows, const int32_t* order, int64_t first,
                            int64_t count) {
  if (!loss_.mean) return 1;
  if (rows.weights && loss_.row_mean) {
    const double total = weight_of(rows, order, first, count);
    return total == 0 ? 1 : 1 / total;
  }
  if (!classes()) return 1.0 / (double(count) * program_.outputs);
  if (rows.weights || !loss_.weighted_mean) return 1.0 / double(count);
  if (!order) return 1.0 / table_.divisor(loss_, rows.classes + first, count);
  for (int64_t r = 0; r < count; ++r) chosen_[size_t(r)] = rows.classes[order[r]];
  return 1.0 / table_.divisor(loss_, chosen_.data(), count);
}

// The divisor of a mean over weighted rows.
template <class T>
double Trainer<T>::weight_of(const Rows<T>& rows, const int32_t* order, int64_t first,
                             int64_t count) const {
  double total = 0;
  for (int64_t r = 0; r < count; ++r) {
    const int64_t row = order ? order[r] : first + r;
    double weight = double(rows.weights[row]);
    if (classes()) {
      const int64_t number = rows.classes[row];
      if (number == loss_.ignored) continue;
      if (loss_.class_weights) weight *= double(loss_.class_weights[number]);
    }
    total += weight;
  }
  return classes() ? total : total * program_.outputs;
}

template <class T>
double Trainer<T>::run_batch(const Rows<T>& rows, const int32_t* order, int64_t first,
                             int64_t count, const std::vector<Numbers<T>>& blocks,
                             bool learning) {
  const double scale = scale_of(rows, order, first, count);
  const int64_t size = program_.chunk, chunks = (count + size - 1) / size;
  const uint32_t seed = uint32_t(settings.seed) ^ uint32_t(settings.seed >> 32) ^
                        uint32_t(counters.steps) * 0x9e3779b9U;
  const int64_t x_size = int64_t(program_.inputs) * program_.stride;
  const int64_t y_size = program_.weights_at - program_.y_at;
  const double work = double(count) * double(program_.parameter_count) * (learning ? 3 : 1);
  const int threads = work < WORTH_A_THREAD ? 1 : int(workspaces_.size());
  double value = 0;
  for (int64_t wave = 0; wave < chunks; wave += threads) {
    const int64_t many = std::min<int64_t>(threads, chunks - wave);
    double values[64];
    auto run = [&](int64_t number, int) {
      const int64_t chunk = wave + number, start = chunk * size;
      Chunk<T> c{};
      c.program = &program_;
      c.parameters = parameters.data();
      c.rows = rows;
      c.order = order ? order + start : nullptr;
      c.first = first + start;
      c.count = int32_t(std::min(size, count - start));
      c.place = start;
      if (!blocks.empty()) {
        c.x_block = blocks[size_t(chunk)].data();
        c.y_block = c.x_block + x_size;
        c.weights_block = c.y_block + y_size;
      }
      c.loss = &loss_;
      c.scale = scale;
      // the sum starts with the first chunk's gradients; the others are added in their order
      if (learning) c.gradients = chunk == 0 ? gradients.data() : slots_[size_t(number)].data();
      c.workspace = workspaces_[size_t(number)].data();
      c.training = learning;
      c.seed = seed;
      table_.run_chunk(c);
      values[number] = c.value;
    };
    if (many == 1)
      run(0, 0);
    else
      run_parallel(many, threads, run);
    for (int64_t i = 0; i < many; ++i) value += values[i];
    if (!learning || chunks == 1) continue;
    const int64_t parts = (program_.parameter_count + UPDATE_PART - 1) / UPDATE_PART;
    run_parallel(parts, many > 1 ? threads : 1, [&](int64_t part, int) {
      const int64_t begin = part * UPDATE_PART;
      const int64_t length = std::min(UPDATE_PART, program_.parameter_count - begin);
      for (int64_t i = wave == 0 ? 1 : 0; i < many; ++i)
        table_.add(gradients.data() + begin, slots_[size_t(i)].data() + begin, length);
    });
  }
  return sizeof(T) == 4 ? double(float(value)) : value;
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
    const int64_t parts = (range.end - range.begin + UPDATE_PART - 1) / UPDATE_PART;
    run_parallel(parts, parts > 2 ? settings.threads : 1, [&](int64_t part, int) {
      Update<T> mine = u;
      mine.begin = range.begin + part * UPDATE_PART;
      mine.end = std::min(range.end, mine.begin + UPDATE_PART);
      table_.update(mine);
    });
  }
}

template <class T>
double Trainer<T>::evaluate(const Rows<T>& rows, const std::vector<Numbers<T>>& blocks) {
  return run_batch(rows, nullptr, 0, rows.count, blocks, false);
}

template <class T>
double Trainer<T>::size_of(const Numbers<T>& values, int64_t begin, int64_t end) const {
  return std::sqrt(table_.square_sum(values.data() + begin, end - begin) / double(end - begin));
}

template <class T>
void Trainer<T>::end_epoch() {
  EpochRecord record{};
  record.training = counters.epoch_sum / counters.epoch_weight;
  record.validation = validation_.count ? evaluate(validation_, validation_blocks_)
                                        : std::numeric_limits<double>::quiet_NaN();
  record.learning_rate = rates_[rates_used_] * counters.rate;
  const double score = validation_.count ? record.validation : record.training;
  ++counters.epochs;
  record.best = score < counters.best_score;
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
