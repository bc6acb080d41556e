#include "layout.h"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>

namespace vetro {
namespace {

constexpr int64_t LANES = 16;
constexpr int32_t WORTH_A_CODE = 6;  // with fewer columns, multiplying a group's zeros is cheaper

int64_t padded(int64_t count) { return (count + LANES - 1) / LANES * LANES; }

// Rows per chunk: so many that values and deltas stay in the cache next to the core, but at least
// 128 for the matrix kernels and at most 1024.  The widths alone decide, as results depend on it.
int32_t chunk_rows(const std::vector<int32_t>& widths) {
  int64_t total = 0;
  for (int32_t width : widths) total += width;
  int64_t rows = 128;
  while (rows < 1024 && 2 * rows * total <= 32768) rows *= 2;
  return int32_t(rows);
}

bool elementwise(const Operation& op) {
  return op.kind == ACTIVATION || op.kind == SCALE || op.kind == DROPOUT;
}

bool saves_derivative(int32_t function, double a) {
  switch (function) {
#define VETRO_SAVES(constant, name, saves) \
  case constant: return saves;
    VETRO_ACTIVATIONS(VETRO_SAVES)
#undef VETRO_SAVES
  }
  return false;
}

void require(bool holds, size_t number, const char* what) {
  if (!holds)
    throw std::invalid_argument("operation " + std::to_string(number) + ": " + what);
}

}  // namespace

void Layout::check() const {
  if (widths.empty()) throw std::invalid_argument("a network needs an input");
  for (int32_t width : widths)
    if (width < 1 || width > (1 << 24)) throw std::invalid_argument("a width is out of range");
  if (widths.size() != operations.size() + 1)
    throw std::invalid_argument("each operation makes one value");
  std::vector<int> reads(widths.size(), 0);
  const int64_t constant_count = int64_t(constants.size());
  for (size_t i = 0; i < operations.size(); ++i) {
    const Operation& op = operations[i];
    const int32_t made = int32_t(i) + 1;
    require(op.out == made, i, "values are numbered in the order in which they are made");
    require(op.in >= 0 && op.in < made, i, "its input is not there yet");
    require(op.inputs == widths[op.in] && op.outputs == widths[made], i, "widths do not fit");
    require(op.kind == AFFINE || op.inputs == op.outputs, i, "its widths differ");
    ++reads[op.in];
    if (op.kind == ADD) {
      require(op.in2 >= 0 && op.in2 < made, i, "its second input is not there yet");
      require(widths[op.in2] == op.outputs, i, "the widths of a sum differ");
      ++reads[op.in2];
    }
    const int64_t weights = op.kind == AFFINE ? int64_t(op.inputs) * op.outputs : op.outputs;
    const int64_t size = op.kind == SCALE ? constant_count : parameter_count;
    if (op.kind == AFFINE || op.kind == SCALE)
      require(op.weight >= 0, i, "it has no weights");
    if (op.kind == SCALE) require(op.bias >= 0, i, "it has no shift");
    require(op.weight < 0 || op.weight + weights <= size, i, "weights beyond the parameters");
    require(op.bias < 0 || op.bias + op.outputs <= size, i, "bias beyond the parameters");
    if (op.kind == DROPOUT) require(op.a >= 0 && op.a < 1, i, "the share is not in [0, 1)");
  }
  for (size_t v = 0; v + 1 < widths.size(); ++v)
    if (!reads[v]) throw std::invalid_argument("value " + std::to_string(v) + " is never read");
}

void Layout::set_groups(std::vector<InputGroup> given) {
  std::sort(given.begin(), given.end(),
            [](const InputGroup& a, const InputGroup& b) { return a.first < b.first; });
  int32_t column = 0, end = 0;
  int weight_uses = 0, reads = 0;
  for (const Operation& op : operations) {
    weight_uses += op.kind == AFFINE && op.weight == operations.front().weight;
    reads += (op.in == 0) + (op.kind == ADD && op.in2 == 0);
  }
  const bool possible = weight_uses == 1 && reads == 1 && operations.front().kind == AFFINE;
  for (const InputGroup& group : given) {
    if (group.first < end || group.size < 1 || group.size > widths.front() - group.first)
      throw std::invalid_argument("a group of inputs overlaps another or is out of range");
    end = group.first + group.size;
    if (group.size < WORTH_A_CODE || !possible) continue;
    for (; column < group.first; ++column) dense_columns.push_back(column);
    groups.push_back(group);
    column = end;
  }
  if (groups.empty()) return;
  for (; column < widths.front(); ++column) dense_columns.push_back(column);
  operations.front().sparse = 1;
}

bool Layout::by_columns() const {
  return std::any_of(groups.begin(), groups.end(),
                     [](const InputGroup& group) { return group.piecewise; });
}

std::vector<int32_t> Layout::places() const {
  const Operation& op = operations.front();
  std::vector<int32_t> found;
  found.reserve(size_t(op.outputs) * size_t(op.inputs));
  for (int32_t o = 0; o < op.outputs; ++o)
    for (int32_t column : dense_columns) found.push_back(o * op.inputs + column);
  for (const InputGroup& group : groups)
    for (int32_t c = group.first; c < group.first + group.size; ++c)
      for (int32_t o = 0; o < op.outputs; ++o) found.push_back(o * op.inputs + c);
  return found;
}

void Layout::mark_backward() {
  const size_t count = widths.size();
  std::vector<char> learns(count, 0), touched(count, 0);
  std::vector<int> reads(count, 0);
  for (Operation& op : operations) {
    op.passes_back = learns[op.in];
    op.passes_back2 = op.kind == ADD && learns[op.in2];
    learns[op.out] = op.passes_back || op.passes_back2 || (op.weight >= 0 && op.learns_weight) ||
                     (op.bias >= 0 && op.learns_bias);
    ++reads[op.in];
    if (op.kind == ADD) ++reads[op.in2];
  }
  std::set<int64_t> shared;
  for (size_t i = operations.size(); i-- > 0;) {
    Operation& op = operations[i];
    op.in_place = elementwise(op) && reads[op.in] == 1;
    op.adds = touched[op.in];
    touched[op.in] = 1;
    if (op.kind == ADD) {
      op.adds2 = touched[op.in2];
      touched[op.in2] = 1;
    }
    if (op.kind == SCALE) continue;
    op.adds_weight = op.weight >= 0 && !shared.insert(op.weight).second;
    op.adds_bias = op.bias >= 0 && !shared.insert(op.bias).second;
  }
}

Program Layout::arrange(int64_t most_rows, bool single, bool training) {
  check();
  mark_backward();
  Program p{};
  p.chunk = int32_t(std::min<int64_t>(chunk_rows(widths), padded(std::max<int64_t>(most_rows, 1))));
  // not a multiple of 8 lines: neighbouring features would fall into the same cache sets
  p.stride = p.chunk % 128 ? p.chunk : p.chunk + LANES;
  int64_t used = 0;
  auto take = [&](int64_t size) {
    const int64_t place = used;
    used += padded(size);
    return place;
  };
  const size_t count = widths.size();
  values_at.assign(count, 0);
  deltas_at.assign(count, 0);
  std::vector<int> reads(count, 0), maker(count, -1);
  for (size_t i = 0; i < operations.size(); ++i) {
    ++reads[operations[i].in];
    if (operations[i].kind == ADD) ++reads[operations[i].in2];
    maker[operations[i].out] = int(i);
  }
  int64_t widest = 0;
  values_at[0] = take(padded(widths[0]) * p.stride);
  for (Operation& op : operations) {
    // The result may overwrite its source if no other operation reads the source.
    const int before = maker[op.in];
    const bool replaces = elementwise(op) && reads[op.in] == 1 && before >= 0 &&
                          operations[before].kind != ACTIVATION &&
                          operations[before].kind != DROPOUT;
    const int64_t size = padded(op.outputs) * p.stride;
    values_at[op.out] = replaces ? values_at[op.in] : take(size);
    op.saved_at = -1;
    if (op.kind == LAYER_NORM) op.saved_at = take(2 * p.stride);
    const bool derives = op.kind == ACTIVATION && saves_derivative(op.function, op.a);
    if (training && (op.kind == DROPOUT || derives))
      op.saved_at = take(size);
    if (op.kind == AFFINE) widest = std::max<int64_t>(widest, op.inputs);
  }
  if (training) {
    deltas_at.back() = take(padded(widths.back()) * p.stride);
    std::vector<char> placed(count, 0);
    placed[count - 1] = 1;
    for (size_t i = operations.size(); i-- > 0;) {
      const Operation& op = operations[i];
      auto place = [&](int32_t v) {
        if (placed[v]) return;
        deltas_at[v] = take(padded(widths[v]) * p.stride);
        placed[v] = 1;
      };
      if (op.in_place && !placed[op.in]) {
        deltas_at[op.in] = deltas_at[op.out];
        placed[op.in] = 1;
      }
      if (op.passes_back) place(op.in);
      if (op.passes_back2) place(op.in2);
    }
    p.scratch_at = take((padded(widest) + 2 * LANES) * p.chunk);
  }
  p.group_count = int32_t(groups.size());
  if (p.group_count) {
    p.dense_count = int32_t(dense_columns.size());
    p.by_columns = by_columns();
    int64_t at = p.dense_count * p.stride;
    for (InputGroup& group : groups) {
      group.at = at;
      at += group.piecewise ? padded(group.size + 1) + 3 * p.stride : p.stride;
      p.coded_count += group.size;
    }
    p.groups = groups.data();
    p.dense_columns = dense_columns.data();
    const int64_t outputs = padded(operations.front().outputs);
    p.sparse_at = take((p.dense_count + p.coded_count + p.chunk + LANES) * outputs);
  }
  p.y_at = take(std::max<int64_t>(padded(widths.back()) * p.stride,
                                  p.stride * (single ? 2 : 1)));  // or classes, 8 bytes each
  p.weights_at = take(p.stride);
  p.workspace = used;
  p.operations = operations.data();
  p.operation_count = int32_t(operations.size());
  p.value_count = int32_t(count);
  p.widths = widths.data();
  p.inputs = widths.front();
  p.outputs = widths.back();
  p.parameter_count = parameter_count;
  constants_single.assign(constants.begin(), constants.end());
  p.constants = single ? static_cast<const void*>(constants_single.data())
                       : static_cast<const void*>(constants.data());
  p.values_at = values_at.data();
  p.deltas_at = deltas_at.data();
  return p;
}

}  // namespace vetro
