// Matrices transposed in blocks that stay in registers: rows to features, weights to their columns.
#pragma once

template <class T>
INLINE void copy_lanes(const T* in, T* out, int count) {
  for (int j = 0; j < count; j += COUNT<T>) store(out + j, load(in + j));
}

// out (columns, rows) = in (rows, columns) transposed; both are padded to whole blocks.
template <class T>
void transpose(const T* in, int64_t in_row, int rows, int columns, T* out, int64_t out_row) {
  for (int r = 0; r < rows; r += BLOCK<T>)
    for (int c = 0; c < columns; c += BLOCK<T>)
      transpose_block(in + r * in_row + c, in_row, out + c * out_row + r, out_row);
}

// out (columns, rows) = in (rows, columns) transposed, both of any size; the last columns of `out`
// up to `width` become zero.
template <class T>
void transpose_part(const T* in, int64_t in_row, int rows, int columns, T* out, int64_t out_row,
                    int width) {
  constexpr int B = BLOCK<T>;
  for (int r = 0; r < width; r += B)
    for (int c = 0; c < columns; c += B) {
      const T* from = in + r * in_row + c;
      T* to = out + c * out_row + r;
      if (r + B <= rows && c + B <= columns) {
        transpose_block(from, in_row, to, out_row);
        continue;
      }
      const int high = columns - c < B ? columns - c : B, wide = width - r < B ? width - r : B;
      alignas(64) T held[B * B], turned[B * B];
      for (int i = 0; i < B; ++i)
        write(held + i * B, r + i < rows ? read_first(from + i * in_row, high) : spread(T(0)));
      transpose_block(held, B, turned, B);
      for (int i = 0; i < high; ++i) write_first(to + i * out_row, read(turned + i * B), wide);
    }
}

// Row-major rows -> feature-major (width, stride); lanes after the last row are zero.  Whole blocks
// of rows and features are transposed in registers, the rest one number after another.
template <class T>
INLINE void lay_out_matrix(const T* in, int width, const int32_t* order, int64_t first, int count,
                           T* out, int64_t stride) {
  constexpr int L = COUNT<T>, B = BLOCK<T>;
  const int padded = (count + L - 1) / L * L;
  const int wide = width / B * B, blocked = wide ? count / B * B : 0;
  const auto row = [&](int r) { return in + (order ? int64_t(order[r]) : first + r) * width; };
  for (int r = 0; r < blocked; r += B)
    for (int f = 0; f < wide; f += B) {
      alignas(64) T held[B * B];
      for (int i = 0; i < B; ++i) write(held + i * B, read(row(r + i) + f));
      transpose_block(held, B, out + f * stride + r, stride);
    }
  for (int r = 0; r < count; ++r) {
    const T* from = row(r);
    for (int f = r < blocked ? wide : 0; f < width; ++f) out[f * stride + r] = from[f];
  }
  if (padded != count)
    for (int f = 0; f < width; ++f)
      for (int r = count; r < padded; ++r) out[f * stride + r] = T(0);
}

