// Prediction: the outputs of a network for rows, without allocating memory.
#pragma once
#include <vector>

#include "aligned.h"
#include "layout.h"
#include "program.h"

namespace vetro {

template <class T>
class Predictor {
 public:
  Predictor(const Layout& layout, const Table<T>& table, const T* parameters, int threads);

  // x (count, inputs) and outputs (count, outputs), row by row.  Only one caller at a time.
  void predict(const T* x, int64_t count, T* outputs);

  int inputs() const { return program_.inputs; }
  int outputs() const { return program_.outputs; }

 private:
  Layout layout_;
  Program program_;
  const Table<T>& table_;
  int threads_;
  bool by_rows_;  // whether few rows can be predicted with outputs in the lanes
  Numbers<T> parameters_;
  std::vector<Numbers<T>> packed_;
  std::vector<const T*> packed_at_;
  std::vector<Numbers<T>> workspaces_;
};

extern template class Predictor<float>;
extern template class Predictor<double>;

}  // namespace vetro
