// The networks that the test driver trains: one for each possible fault.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "../layout.h"
#include "../trainer.h"

namespace cases {
using namespace vetro;

// splitmix64: the same numbers everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t bits() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  double uniform() { return double(bits() >> 11) * 0x1p-53; }      // [0, 1)
  double centred() { return 2 * uniform() - 1; }                    // [-1, 1)
  int64_t below(int64_t count) { return int64_t(bits() % uint64_t(count)); }

 private:
  uint64_t state_;
};

// A network under construction; each call appends an operation and returns its value.
struct Net {
  Layout layout;

  explicit Net(int inputs) { layout.widths.push_back(inputs); }
  int last() const { return int(layout.widths.size()) - 1; }

  Operation& append(Kind kind, int outputs) {
    Operation op{};
    op.kind = kind;
    op.in = last();
    op.in2 = -1;
    op.out = last() + 1;
    op.inputs = layout.widths.back();
    op.outputs = outputs;
    op.weight = op.bias = -1;
    layout.operations.push_back(op);
    layout.widths.push_back(outputs);
    return layout.operations.back();
  }
  int64_t parameters(int64_t count) {
    layout.parameter_count += count;
    return layout.parameter_count - count;
  }
  Net& affine(int outputs, bool bias = true, bool learns = true) {
    Operation& op = append(AFFINE, outputs);
    op.weight = parameters(int64_t(op.inputs) * outputs);
    if (bias) op.bias = parameters(outputs);
    op.learns_weight = learns;
    op.learns_bias = learns && bias;
    return *this;
  }
  Net& again(size_t number) {  // the weights of operation `number`, shared
    const Operation first = layout.operations[number];
    Operation& op = append(AFFINE, first.outputs);
    op.weight = first.weight;
    op.bias = first.bias;
    op.learns_weight = first.learns_weight;
    op.learns_bias = first.learns_bias;
    return *this;
  }
  Net& apply(Function function, double a = 0, double b = 0) {
    Operation& op = append(ACTIVATION, layout.widths.back());
    op.function = function;
    op.a = a;
    op.b = b;
    return *this;
  }
  Net& norm(bool learns) {
    const int width = layout.widths.back();
    Operation& op = append(LAYER_NORM, width);
    op.a = 1e-5;
    if (learns) op.weight = parameters(width);
    if (learns) op.bias = parameters(width);
    op.learns_weight = op.learns_bias = learns;
    return *this;
  }
  Net& drop(double share) {
    append(DROPOUT, layout.widths.back()).a = share;
    return *this;
  }
  Net& scale() {
    const int width = layout.widths.back();
    Operation& op = append(SCALE, width);
    op.weight = int64_t(layout.constants.size());
    for (int i = 0; i < width; ++i) layout.constants.push_back(0.5 + 0.25 * i);
    op.bias = int64_t(layout.constants.size());
    for (int i = 0; i < width; ++i) layout.constants.push_back(0.125 * i - 0.5);
    return *this;
  }
  Net& add(int value) {
    append(ADD, layout.widths.back()).in2 = value;
    return *this;
  }
};

struct Case {
  std::string name;
  Net net;
  int64_t rows = 100, batch = 33;
  LossKind loss = MSE;
  double loss_number = 0;
  bool class_weights = false, row_weights = false, validation = false, shuffled = true;
  OptimizerKind optimizer = SGD;
  Group group{0.9, 0, 0, 0.999, 1e-8, 0.99, false, false, false, false};
  double rate = 1e-2, clip_norm = 0, clip_value = 0;
  int steps = 12;
  bool mean = true;
};

inline Net plain() {
  Net net(5);
  net.affine(17).apply(TANH).affine(3);
  return net;
}

inline std::vector<Case> all() {
  std::vector<Case> list;
#define VETRO_WORD(constant, name, ...) name,
  const std::vector<const char*> functions = {VETRO_ACTIVATIONS(VETRO_WORD)};
  const std::vector<const char*> losses = {VETRO_LOSSES(VETRO_WORD)};
  const std::vector<const char*> kinds = {VETRO_OPTIMIZERS(VETRO_WORD)};
#undef VETRO_WORD
  for (int f = 0; f < int(functions.size()); ++f) {
    Net net(5);
    const double a = f == LEAKY_RELU ? 0.01 : 1;
    net.affine(17).apply(Function(f), a, 20).affine(9).apply(Function(f), a, 20).affine(3);
    list.push_back({functions[f], net});
  }
  for (int l = 0; l < int(losses.size()); ++l)
    for (int variant = 0; variant < 2; ++variant) {
      Case c{std::string(losses[l]) + (variant ? " weighted" : ""), plain()};
      c.loss = LossKind(l);
      c.loss_number = l == CROSS_ENTROPY ? 0.1 * variant : 0.3;
      c.class_weights = variant;
      c.row_weights = variant && l != CROSS_ENTROPY;
      c.mean = !variant || l == CROSS_ENTROPY;
      c.rate = c.mean ? 1e-2 : 1e-4;
      c.validation = true;
      list.push_back(c);
    }
  for (int k = 0; k < int(kinds.size()); ++k)
    for (int variant = 0; variant < 3; ++variant) {
      Case c{std::string(kinds[k]) + " " + std::to_string(variant), plain()};
      c.optimizer = OptimizerKind(k);
      c.group.momentum = variant ? 0.8 : 0;
      c.group.weight_decay = variant ? 0.01 : 0;
      c.group.nesterov = variant == 1;
      c.group.dampening = variant == 2 ? 0.1 : 0;
      c.group.amsgrad = c.group.centered = variant == 2;
      c.group.maximize = k == ADAM && variant == 1;
      c.clip_norm = variant == 1 ? 0.1 : 0;
      c.clip_value = variant == 2 ? 0.01 : 0;
      c.rate = 1e-3;
      list.push_back(c);
    }
  auto shape = [&](const char* name, Net net, int64_t rows, int64_t batch, bool shuffled) {
    Case c{name, std::move(net)};
    c.rows = rows;
    c.batch = batch;
    c.shuffled = shuffled;
    c.optimizer = ADAM;
    c.rate = 1e-3;
    c.validation = true;
    list.push_back(c);
  };
  shape("all of width 1", Net(1).affine(1).apply(SIGMOID).affine(1), 40, 1, true);
  shape("batch 1", plain(), 40, 1, true);
  shape("batch 16", plain(), 100, 16, true);
  shape("batch 1000", plain(), 1000, 1000, false);
  shape("batch beyond the chunk", plain(), 3333, 3333, false);
  shape("batch beyond the chunk, shuffled", plain(), 7001, 3001, true);
  shape("wide", Net(67).affine(301).apply(RELU).affine(130).apply(RELU).affine(5), 1100, 1030, true);
  shape("wide, all rows", Net(67).affine(301).apply(GELU).affine(130).affine(5), 777, 777, false);
  shape("wider than a part of the update", Net(200).affine(400).apply(TANH).affine(2), 300, 300,
        false);
  shape("layer norm", Net(5).affine(19).norm(true).apply(RELU).affine(7).norm(false).affine(2), 500,
        500, false);
  shape("residual", [] {
    Net net(5);
    net.affine(18).apply(TANH);  // value 2
    net.affine(18).apply(SILU).add(2).affine(3);
    return net;
  }(), 600, 599, true);
  shape("added to itself and to the input", Net(6).affine(6).add(0).apply(TANH).add(4 - 1).affine(2), 90,
        33, true);
  shape("dropout", Net(5).affine(40).apply(RELU).drop(0.3).affine(30).drop(0.5).affine(3), 1500, 1400,
        true);
  shape("shared weights", Net(8).affine(8).apply(TANH).again(0).apply(TANH).again(0).affine(1), 700,
        650, true);
  shape("scaled, frozen, without bias",
        Net(9).scale().affine(21, false).apply(SOFTPLUS, 1, 20).affine(21, true, false).apply(ELU, 1).affine(4, false).scale(),
        300, 33, true);
  auto coded = [&](const char* name, Net net, std::vector<InputGroup> groups) {
    net.layout.set_groups(std::move(groups));
    shape(name, std::move(net), 700, 150, true);
  };
  // Every register tile: outputs by the tile's rows, batches by its vectors and a partial vector.
  for (int outputs = 1; outputs <= 13; ++outputs)
    for (int batch : {7, 13, 16, 23, 29, 32, 39, 48, 55, 64}) {
      const std::string name = std::to_string(outputs) + " x " + std::to_string(batch);
      Case c{"tile " + name, Net(5).affine(outputs).apply(TANH).affine(outputs).add(2).affine(3)};
      c.rows = c.batch = batch;
      c.steps = 2;
      list.push_back(c);
    }
  for (int inputs = 1; inputs <= 4; ++inputs)  // and the layers that stay in registers
    for (int outputs = 1; outputs <= 4; ++outputs) {
      const std::string name = std::to_string(outputs) + " x " + std::to_string(inputs);
      Case c{"narrow " + name, Net(inputs).affine(outputs).apply(TANH).affine(inputs)};
      c.batch = 48;
      c.steps = 4;
      list.push_back(c);
    }
  coded("categories and numbers", Net(29).affine(19).apply(TANH).affine(3), {{2, 9, 0, 0}, {13, 12, 0, 0}});
  coded("categories alone", Net(24).affine(35).apply(RELU).affine(2), {{0, 8, 0, 0}, {8, 16, 0, 0}});
  coded("a category, one output", Net(12).affine(1), {{3, 7, 0, 0}});
  coded("numbers in bins", Net(99).affine(67).apply(RELU).affine(3), {{1, 32, 1, 0}, {34, 31, 1, 0}, {66, 33, 1, 0}});
  coded("bins alone, all rows", Net(23).affine(64).apply(TANH).affine(2), {{0, 16, 1, 0}, {16, 7, 1, 0}});
  list.back().shuffled = false;
  list.back().batch = 700;
  coded("bins and categories", Net(50).affine(17).apply(GELU).affine(1), {{2, 9, 1, 0}, {13, 12, 0, 0}, {25, 20, 1, 0}});
  coded("bins, one output", Net(12).affine(1), {{3, 7, 1, 0}});
  return list;
}

}  // namespace cases
