#pragma once

/// `Dots` of `int8_kernel.h` where one instruction adds four products of bytes to each lane. Included by files that
/// define before
///   Dot(sum, quads, x)  sum + four products per lane
namespace longshot {
namespace {

template <int kBits, int kCount>
struct Dots {
  I32x16 sum;
  void Begin(I32x16 start) { sum = start; }
  template <int kNumber>
  [[gnu::always_inline]] void Add(U8x64 quads, I32x16 x) {
    sum = Dot(sum, quads, x);
  }
  I32x16 Total() const { return sum; }
};

}  // namespace
}  // namespace longshot
