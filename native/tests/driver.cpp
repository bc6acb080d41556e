// The engine without Python: trains the networks of cases.h and prints a hash of all the bits.
//
//   driver [threads=N] [pieces] [short] [allocations] [only=NAME]
//
// One line per case and type: a hash of parameters, losses, epochs, best parameters and
// predictions.  pieces: feeds three steps at a time.  short: fewer cases, for the sanitizers.
// allocations: needs COUNT_ALLOCATIONS; prints how often steps and predictions allocated memory.
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "../dispatch.h"
#include "../pool.h"
#include "../predictor.h"
#include "cases.h"

namespace {
std::atomic<bool> counting{false};
std::atomic<long> allocations{0};
}  // namespace

#if defined(COUNT_ALLOCATIONS)
// All functions that allocate memory from the C library, including operator new.
extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void* aligned_alloc(size_t alignment, size_t size) {
  if (counting.load()) ++allocations;
  return __libc_memalign(alignment, size);
}
void* malloc(size_t size) {
  if (counting.load()) ++allocations;
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  if (counting.load()) ++allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* old, size_t size) {
  if (counting.load()) ++allocations;
  return __libc_realloc(old, size);
}
}
#endif

namespace {
using namespace vetro;

struct Hash {  // FNV-1a
  uint64_t value = 14695981039346656037ULL;
  template <class V, class A>
  void add(const std::vector<V, A>& values) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(values.data());
    for (size_t i = 0; i < values.size() * sizeof(V); ++i)
      value = (value ^ bytes[i]) * 1099511628211ULL;
  }
};

template <class T>
struct Data {
  std::vector<T> x, y, weights;
  std::vector<int64_t> classes;
  std::vector<int32_t> codes;
  std::vector<T> dense, shares;
  Rows<T> rows{};

  Data(cases::Random& random, const cases::Case& c, int64_t count) {
    const int inputs = c.net.layout.widths.front(), outputs = c.net.layout.widths.back();
    for (int64_t i = 0; i < count * inputs; ++i) x.push_back(T(2 * random.centred()));
    for (int64_t i = 0; i < count * outputs; ++i)
      y.push_back(T(c.loss == BCE_LOGITS ? double(random.below(2)) : random.centred()));
    for (int64_t i = 0; i < count; ++i) {
      classes.push_back(random.below(7) ? random.below(outputs) : -100);
      weights.push_back(T(random.uniform()));
    }
    for (int64_t i = 0; i < count; ++i)
      for (const InputGroup& group : c.net.layout.groups) {
        T* own = x.data() + i * inputs + group.first;
        if (group.piecewise) {
          codes.push_back(int32_t(random.below(group.size)));
          shares.push_back(T(random.uniform()));
          for (int32_t j = 0; j < group.size; ++j) own[j] = T(j < codes.back());
          own[codes.back()] = shares.back();
        } else {
          codes.push_back(int32_t(random.below(group.size + 1)) - 1);  // -1: none of the group
          shares.push_back(T(0));
          for (int32_t j = 0; j < group.size; ++j) own[j] = T(j == codes.back());
        }
      }
    for (int64_t i = 0; i < count; ++i)
      for (int32_t column : c.net.layout.dense_columns) dense.push_back(x[size_t(i * inputs + column)]);
    rows.count = count;
    rows.x = x.data();
    rows.codes = codes.data();
    rows.shares = shares.data();
    rows.dense = dense.data();
    if (c.loss == CROSS_ENTROPY)
      rows.classes = classes.data();
    else
      rows.y = y.data();
    if (c.row_weights) rows.weights = weights.data();
  }
};

struct Options {
  int threads = 1;
  bool pieces = false, brief = false, count = false;
  std::string only;
};

template <class T>
void run(const cases::Case& c, const Options& options) {
  cases::Random random(2026);
  const Layout& layout = c.net.layout;
  const int outputs = layout.widths.back();
  const Data<T> data(random, c, c.rows), held_out(random, c, c.validation ? 57 : 1);
  std::vector<T> start, factors;
  for (int64_t i = 0; i < layout.parameter_count; ++i) start.push_back(T(0.4 * random.centred()));
  for (int i = 0; i < outputs; ++i) factors.push_back(T(0.5 + 0.5 * random.uniform()));
  Loss<T> loss{};
  loss.kind = c.loss;
  loss.mean = c.mean;
  loss.a = c.loss_number;
  loss.ignored = -100;
  loss.weighted_mean = c.loss == CROSS_ENTROPY;
  if (c.class_weights && (c.loss == BCE_LOGITS || c.loss == CROSS_ENTROPY))
    loss.class_weights = factors.data();
  if (c.class_weights && c.loss == BCE_LOGITS) loss.positive_weights = factors.data();
  Optimizer optimizer{c.optimizer, {c.group}, {}};
  auto& ranges = optimizer.ranges;
  for (const Operation& op : layout.operations) {
    const int64_t size = op.kind == AFFINE ? int64_t(op.inputs) * op.outputs : op.outputs;
    const bool before = !ranges.empty() && op.weight < ranges.back().end;
    if (op.kind == SCALE || before) continue;  // no parameters, or shared ones
    if (op.learns_weight) ranges.push_back({op.weight, op.weight + size, 0});
    if (op.learns_bias) ranges.push_back({op.bias, op.bias + op.outputs, 0});
  }
  Settings settings{};
  settings.batch_size = c.batch;
  settings.epoch_rows = c.rows;
  settings.total_steps = c.steps;
  settings.keep_best = c.validation;
  settings.clip_norm = c.clip_norm;
  settings.clip_value = c.clip_value;
  settings.threads = options.threads;
  settings.seed = 12345678901ULL;
  const Table<T>& table = table_of<T>(*kernels());
  Trainer<T> trainer(layout, table, settings, optimizer, loss, data.rows,
                     c.validation ? held_out.rows : Rows<T>{}, start.data());

  allocations = 0;
  int64_t position = 0;
  for (int done = 0; done < c.steps;) {
    const int many = options.pieces || options.count ? std::min(3, c.steps - done) : c.steps - done;
    std::vector<int32_t> order;
    std::vector<double> rates;
    for (int s = 0; s < many; ++s) {
      const int64_t size = std::min(c.batch, c.rows - position);
      for (int64_t r = 0; c.shuffled && r < size; ++r) order.push_back(int32_t(random.below(c.rows)));
      position = position + size >= c.rows ? 0 : position + size;
      rates.push_back(c.rate / (1 + 0.1 * (done + s)));
      rates.push_back(c.optimizer == ADAM || c.optimizer == ADAMW ? 0.9 : c.group.momentum);
    }
    trainer.feed(std::move(order), std::move(rates));
    counting = options.count && done > 0;  // the pool is made in the first steps
    trainer.advance(1e9);
    counting = false;
    done += many;
  }
  const std::vector<T> parameters = trainer.in_order(trainer.parameters);
  Predictor<T> predictor(layout, table, parameters.data(), options.threads);
  std::vector<T> together(size_t(c.rows * outputs)), alone(size_t(c.rows * outputs));
  predictor.predict(data.x.data(), c.rows, together.data());
  counting = options.count;
  predictor.predict(data.x.data(), c.rows, together.data());
  for (int64_t r = 0; r < c.rows; ++r)
    predictor.predict(data.x.data() + r * layout.widths.front(), 1, alone.data() + r * outputs);
  counting = false;

  Hash hash;
  hash.add(parameters);
  hash.add(trainer.in_order(trainer.gradients));
  hash.add(trainer.in_order(trainer.best));
  hash.add(trainer.losses);
  for (const EpochRecord& epoch : trainer.epochs)
    hash.add(std::vector<double>{epoch.training, c.validation ? epoch.validation : 0.0});
  hash.add(together);
  bool finite = true;
  for (T value : together) finite &= std::isfinite(value);
  const bool same = std::memcmp(together.data(), alone.data(), alone.size() * sizeof(T)) == 0;
  std::printf("%s, %s: ", c.name.c_str(), sizeof(T) == 4 ? "float32" : "float64");
  if (options.count)
    std::printf("%ld allocations\n", allocations.load());
  else
    std::printf("%016llx loss %.9g%s%s\n", static_cast<unsigned long long>(hash.value),
                trainer.losses.back(), finite ? "" : " NOT FINITE",
                same ? "" : " A ROW ALONE DIFFERS");
}

}  // namespace

int main(int count, char** words) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (word == "pieces") options.pieces = true;
    else if (word == "short") options.brief = true;
    else if (word == "allocations") options.count = true;
    else if (word.rfind("threads=", 0) == 0) options.threads = std::atoi(word.c_str() + 8);
    else if (word.rfind("only=", 0) == 0) options.only = word.substr(5);
    else return std::fprintf(stderr, "unknown: %s\n", word.c_str()), 2;
  }
  if (!kernels()) return std::puts("no instruction set"), 3;
  std::printf("set %s\n", kernels()->name);
  for (cases::Case& c : cases::all()) {
    if (!options.only.empty() && c.name != options.only) continue;
    if (options.brief && c.rows * c.net.layout.parameter_count > 3000000) c.steps = 2;
    run<float>(c, options);
    run<double>(c, options);
  }
}
