// The structs that cross the boundary between the loop and the kernels.
//
// T is float or double.  Matrices in the workspace are feature-major: for each feature, the
// rows of a chunk are adjacent; features are `stride` apart.
#pragma once
#include <cstdint>

#include "activations.h"
#include "losses.h"
#include "optimizers.h"
#include "squares.h"

namespace vetro {

enum Kind : int32_t { AFFINE, ACTIVATION, LAYER_NORM, DROPOUT, SCALE, ADD };

#define VETRO_CONSTANT(constant, ...) constant,
enum Function : int32_t { VETRO_ACTIVATIONS(VETRO_CONSTANT) };
enum LossKind : int32_t { VETRO_LOSSES(VETRO_CONSTANT) };
enum OptimizerKind : int32_t { VETRO_OPTIMIZERS(VETRO_CONSTANT) };
#undef VETRO_CONSTANT

// One operation of a network.  Values are numbered.  Value 0 holds the inputs; every operation
// writes one new value (`out`); the last one holds the outputs.
struct Operation {
  int32_t kind;
  int32_t function;  // of an ACTIVATION
  int32_t in, in2;   // in2: second operand of ADD, else -1
  int32_t out;
  int32_t inputs, outputs;  // features
  int64_t weight, bias;     // offsets in the parameters; AFFINE: (outputs, inputs), (outputs,);
                            // LAYER_NORM: gamma, beta (outputs,); -1: none.
                            // SCALE: offsets of factor and shift in the constants: y = x*factor + shift
  double a, b;              // of the function; LAYER_NORM a: eps; DROPOUT a: share set to zero
  int32_t learns_weight, learns_bias;  // 1: its gradient is needed
  int32_t passes_back;   // 1: a parameter before `in` learns, so that the delta of in is needed
  int32_t passes_back2;  // the same for in2
  int32_t adds, adds2;   // 1: the delta of in (in2) is added to those of later operations
  int32_t adds_weight, adds_bias;  // 1: shared with a later operation: the gradient is added
  int32_t in_place;      // 1: the delta of in overwrites that of out
  int32_t sparse;        // 1: the first layer, with groups of its inputs as codes
  int64_t saved_at;      // in the workspace: the derivative, or the norm's statistics; -1: none
};

// Columns of the inputs that one code stands for.  One-hot: at most one of them is 1, the others
// are 0.  Piecewise: the first `code` of them are 1, the next is a share from 0 to 1, the others 0.
struct InputGroup {
  int32_t first, size;
  int32_t piecewise;  // 1, else one-hot
  int64_t at;  // in a chunk's inputs: where it lies, see sparse.h
};

struct Program {
  const Operation* operations;
  int32_t operation_count;
  int32_t value_count;
  const int32_t* widths;  // features of each value
  int32_t inputs, outputs;
  int64_t parameter_count;
  const void* constants;  // of T: factors and shifts

  // The workspace of one chunk, in numbers of T.
  int32_t chunk;            // rows per chunk; it depends on the widths alone
  int64_t stride;           // from feature to feature
  const int64_t* values_at;  // of each value: (width, stride)
  const int64_t* deltas_at;
  int64_t scratch_at, sparse_at;
  int64_t y_at, weights_at;  // the targets (or classes) and the weights of the rows
  int64_t workspace;  // its size

  // Groups of the inputs that are stored as codes, sparse.h; 0 groups: all columns are numbers.
  int32_t group_count, dense_count, coded_count;  // groups, other columns, columns of the groups
  int32_t by_columns;  // 1: the first layer's weights lie as Layout::places says
  const InputGroup* groups;
  const int32_t* dense_columns;
};

template <class T>
struct Loss {
  int32_t kind;
  int32_t mean;           // the reduction: mean, else sum
  int32_t weighted_mean;  // CROSS_ENTROPY, reduction mean: the divisor is the sum of class weights
  int32_t row_mean;  // reduction mean with row weights: the divisor is the sum of the rows' weights
  double a;               // SMOOTH_L1: beta; HUBER: delta; CROSS_ENTROPY: label smoothing
  int64_t ignored;        // CROSS_ENTROPY: the class that does not count
  const T* class_weights;     // (outputs,) or null
  const T* positive_weights;  // BCE_LOGITS: pos_weight (outputs,) or null
};

// Rows of a table: x (rows, inputs) and y (rows, outputs) row by row; for CROSS_ENTROPY,
// classes (rows,) instead of y; weights (rows,) or null.
template <class T>
struct Rows {
  const T* x;
  const T* y;
  const int64_t* classes;
  const T* weights;
  int64_t count;
  // If the program has groups of inputs, these are read instead of x:
  const T* dense;        // (rows, dense columns)
  const int32_t* codes;  // (rows, groups): the column within the group; -1: none of a one-hot group
  const T* shares;       // (rows, groups), of piecewise groups
};

// The targets of one chunk, feature-major, in the form that the loss reads.
template <class T>
struct Targets {
  const T* y;              // (outputs, stride)
  const int64_t* classes;  // (rows,)
  const T* weights;        // (stride,), zero after the last row; null: all 1
};

// One chunk of a batch's rows: forward, loss and, if gradients are needed, backward.
template <class T>
struct Chunk {
  const Program* program;
  const T* parameters;
  Rows<T> rows;
  const int32_t* order;  // numbers of the chunk's rows; null: `first` and the following
  int64_t first;
  int32_t count;
  int64_t place;     // of its first row in the batch; dropout depends on it
  const T* x_block;  // inputs and targets in the workspace's layout, if they are fixed; else null
  const T* y_block;
  const T* weights_block;
  const Loss<T>* loss;  // null: no targets
  double scale;         // of the loss: 1 / rows / outputs for a mean
  T* gradients;         // (parameter_count,), written; null: do not compute them
  T* outputs;           // (count, outputs) row by row; null: do not return them
  T* workspace;
  int32_t training;  // dropout and saved derivatives
  uint32_t seed;     // of this step's dropout
  double value;      // out: its share of the loss
};

// One update of the parameters [begin, end) with the settings of their group, numerics 1.
template <class T>
struct Update {
  int32_t kind;
  int32_t nesterov, maximize, amsgrad, centered, first;  // first: no momentum buffer yet
  double learning_rate, momentum, dampening, weight_decay;  // momentum: also RMSprop's
  double beta1, beta2, eps, alpha;
  double step;  // t of this update, from 1
  double gradient_factor;  // clipping by norm: every gradient times this, 1: none
  double gradient_limit;   // clipping by value, 0: none
  T* parameters;
  T* gradients;
  T* first_moment;   // m; RMSprop: momentum buffer; SGD: momentum buffer
  T* second_moment;  // v; RMSprop: square average
  T* third;          // amsgrad: the largest v; RMSprop centered: gradient average
  int64_t begin, end;
};

// Predicting few rows: outputs in the lanes, with weights laid out as (inputs, padded outputs).
template <class T>
struct RowPrediction {
  const Program* program;
  const T* parameters;
  const T* const* packed;  // of each operation: the transposed weights, or null
  const T* x;
  T* outputs;
  int64_t count;
  T* workspace;
};

// The kernels of one instruction set for one type.
template <class T>
struct Table {
  void (*run_chunk)(Chunk<T>&);
  void (*update)(const Update<T>&);
  void (*add)(T* sum, const T* term, int64_t count);
  double (*square_sum)(const T* values, int64_t count);
  double (*divisor)(const Loss<T>&, const int64_t* classes, int64_t count);
  void (*lay_out)(const Program&, const Rows<T>&, const int32_t* order, int64_t first, int count,
                  bool classes, T* x, T* y, T* weights);
  void (*predict_rows)(const RowPrediction<T>&);
};

struct Kernels {
  const char* name;
  Table<float> single;
  Table<double> twofold;
  SquaresTable squares;
};

}  // namespace vetro
