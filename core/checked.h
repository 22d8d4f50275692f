#pragma once

#include <cstdint>
#include <initializer_list>

#include "core/error.h"

namespace longshot {

/// a + b. Errors: kFormat on overflow; `what` names the quantity.
inline int64_t CheckedAdd(int64_t a, int64_t b, const char* what) {
  int64_t r;
  if (__builtin_add_overflow(a, b, &r)) Throw(ErrorCode::kFormat, "{}: {} + {} overflows", what, a, b);
  return r;
}

/// Product of all factors. Errors: kFormat on overflow or a negative factor; `what` names the quantity.
inline int64_t CheckedProduct(std::initializer_list<int64_t> factors, const char* what) {
  int64_t r = 1;
  for (int64_t f : factors) {
    if (f < 0 || __builtin_mul_overflow(r, f, &r)) Throw(ErrorCode::kFormat, "{}: size overflows", what);
  }
  return r;
}

inline constexpr int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline constexpr int64_t RoundUp(int64_t a, int64_t b) { return CeilDiv(a, b) * b; }

}  // namespace longshot
