// Networks: a list of operations becomes a Program.
#include <cmath>

#include "border.h"

namespace vetro {
namespace {

const Names KINDS = {{"affine", AFFINE},   {"activation", ACTIVATION}, {"layer_norm", LAYER_NORM},
                     {"dropout", DROPOUT}, {"scale", SCALE},           {"add", ADD}};
const Names FUNCTIONS = {VETRO_ACTIVATIONS(VETRO_NAME)};

using Doubles = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

using Columns = std::vector<std::pair<int32_t, int32_t>>;  // first column, columns

struct OperationObject {
  Operation operation;
  std::optional<Doubles> factor, shift;
};

void add_constants(Layout& layout, const std::optional<Doubles>& values, int32_t size) {
  require(values.has_value(), "a scale needs its factor and its shift");
  require(values->shape(0) == size_t(size), "a factor or shift has the wrong length");
  for (size_t i = 0; i < values->shape(0); ++i) {
    require(std::isfinite(values->data()[i]), "a factor or shift is not finite");
    layout.constants.push_back(values->data()[i]);
  }
}

ProgramObject make_program(const std::string& dtype, const std::vector<int32_t>& widths,
                           const std::vector<const OperationObject*>& operations,
                           int64_t parameter_count,
                           const Columns& one_hot, const Columns& piecewise) {
  require(dtype == "float32" || dtype == "float64", "dtype must be float32 or float64");
  require(parameter_count >= 0, "parameter_count must not be negative");
  ProgramObject program{{}, dtype == "float32"};
  Layout& layout = program.layout;
  layout.widths = widths;
  layout.parameter_count = parameter_count;
  const int32_t made = int32_t(widths.size());
  for (const OperationObject* given : operations) {
    if (!given) throw nb::type_error("None is no operation");
    Operation op = given->operation;
    require(op.in >= 0 && op.in < made && op.out >= 0 && op.out < made && op.in2 < made,
            "an operation names a value that is not there");
    op.inputs = widths[size_t(op.in)];
    op.outputs = widths[size_t(op.out)];
    if (op.kind == SCALE) {
      op.weight = int64_t(layout.constants.size());
      add_constants(layout, given->factor, op.outputs);
      op.bias = int64_t(layout.constants.size());
      add_constants(layout, given->shift, op.outputs);
    }
    layout.operations.push_back(op);
  }
  try {  // refuses what is wrong now rather than at the first use
    Layout(layout).arrange(1, program.single, true);
    std::vector<InputGroup> groups;
    for (const auto& [first, size] : one_hot) groups.push_back({first, size, 0, 0});
    for (const auto& [first, size] : piecewise) groups.push_back({first, size, 1, 0});
    layout.set_groups(std::move(groups));
  } catch (const std::invalid_argument& wrong) {
    throw nb::value_error(wrong.what());
  }
  return program;
}

}  // namespace

void bind_program(nb::module_& m) {
  nb::class_<OperationObject>(
      m, "Operation",
      "One operation of a network.  Values are numbered, 0 holds the inputs; the operation reads\n"
      "`source` (and `other`, of an add) and makes `result`.  weight, bias: offsets in the\n"
      "parameters, -1 for none.  a, b: numbers of the function, eps, or the share that is dropped.\n"
      "learns_*: whether the gradient is wanted.  factor, shift: (outputs,) of a scale.")
      .def(
          "__init__",
          [](OperationObject* self, const std::string& kind, int32_t source, int32_t result,
             const std::string& function, int32_t other, int64_t weight, int64_t bias, double a,
             double b, bool learns_weight, bool learns_bias, std::optional<Doubles> factor,
             std::optional<Doubles> shift) {
            Operation op{};
            op.kind = code(KINDS, kind);
            op.function = code(FUNCTIONS, function);
            op.in = source;
            op.in2 = other;
            op.out = result;
            op.weight = weight;
            op.bias = bias;
            op.a = a;
            op.b = b;
            op.learns_weight = learns_weight;
            op.learns_bias = learns_bias;
            require(op.kind != LAYER_NORM || a >= 0, "eps must not be negative");
            new (self) OperationObject{op, std::move(factor), std::move(shift)};
          },
          "kind"_a, nb::kw_only(), "source"_a, "result"_a, "function"_a = "identity",
          "other"_a = -1, "weight"_a = -1, "bias"_a = -1, "a"_a = 0.0, "b"_a = 0.0,
          "learns_weight"_a = false, "learns_bias"_a = false, "factor"_a.none() = nb::none(),
          "shift"_a.none() = nb::none());
  nb::class_<ProgramObject>(
      m, "Program",
      "A network: the features of each value, and its operations in order.  one_hot: (first\n"
      "column, columns) of inputs of which at most one is 1.  piecewise: of inputs of which the first\n"
      "are 1, one is between 0 and 1, and the others are 0.")
      .def(
          "__init__",
          [](ProgramObject* self, const std::string& dtype, const std::vector<int32_t>& widths,
             const std::vector<const OperationObject*>& operations, int64_t parameter_count,
             const Columns& one_hot, const Columns& piecewise) {
            new (self) ProgramObject(
                make_program(dtype, widths, operations, parameter_count, one_hot, piecewise));
          },
          "dtype"_a, "widths"_a, "operations"_a, "parameter_count"_a,
          "one_hot"_a = Columns(), "piecewise"_a = Columns());
}

}  // namespace vetro
