// The parts of a training, as Python gives them: rows, loss, optimizer and settings.
#pragma once
#include "border.h"
#include "trainer.h"

namespace vetro {

struct RowsObject {
  AnyArray x, y;
  MaybeArray weights, numbers;
};

struct LossObject {
  int32_t kind;
  bool mean, weighted_mean, row_mean;
  double a;
  int64_t ignored;
  MaybeArray class_weights, positive_weights;

  template <class T>
  Loss<T> of(size_t outputs) const;
};

struct SettingsObject {
  Settings settings;
  bool finite;  // whether to check that all rows are
};

// Rows as the kernels read them; the arrays must live as long.
template <class T>
struct Data {
  Rows<T> rows{};
  std::vector<int32_t> codes;
  std::vector<T> taken, dense, shares;

  Data(const Layout& layout, const Loss<T>& loss, const RowsObject& given, bool finite);

 private:
  void encode(const Layout& layout, const T* x, const int32_t* numbers);
  void take(const T* x, const int32_t* numbers, size_t inputs);
};

extern template Loss<float> LossObject::of<float>(size_t) const;
extern template Loss<double> LossObject::of<double>(size_t) const;
extern template struct Data<float>;
extern template struct Data<double>;

}  // namespace vetro
