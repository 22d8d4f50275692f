#pragma once

#include <span>

#include "core/types.h"

namespace longshot {

/// The ids.size() largest of `values`, best first, ties to the lower id. REQUIRES: ids.size() <= values.size(), no NaN.
inline void TopKIds(std::span<const float> values, std::span<Token> ids) {
  const size_t k = ids.size();
  size_t held = 0;
  for (size_t i = 0; i < values.size() && k > 0; ++i) {
    if (held == k && !(values[i] > values[ids[k - 1]])) continue;
    size_t place = held < k ? held++ : k - 1;
    for (; place > 0 && values[i] > values[ids[place - 1]]; --place) ids[place] = ids[place - 1];
    ids[place] = static_cast<Token>(i);
  }
}

}  // namespace longshot
