#pragma once

#include <cstdint>

#include "runtime/spec/pass_cost.h"

namespace longshot {

/// The cost of a pass by its rows as it turns out while decoding, beginning with what a probe measured. What slows
/// every pass alike, such as another program on the machine, is told apart from what only some numbers of rows cost
/// more: it moves the time of a row, hardly the curve.
class LiveCost {
 public:
  /// Forgets what was observed.
  void Begin(const PassCost& probed);
  /// A pass of `rows` rows took `ms`. One far off the curve, such as an interruption, counts as a moderate one.
  void Observe(int64_t rows, double ms);

  /// The curve as it is now believed to be.
  const PassCost& curve() const { return curve_; }
  /// Milliseconds of a single-row pass; 0 before the first observation.
  double single_row_ms() const { return scale_ms_ * raw_[0].cost; }

 private:
  PassCost curve_;
  std::array<PassCost::Point, PassCost::kMostPoints> raw_{PassCost::Point{}};  ///< the first need not cost 1
  size_t size_ = 1;
  double scale_ms_ = 0;
};

}  // namespace longshot
