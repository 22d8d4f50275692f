#include "runtime/engine/live_cost.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "core/error.h"

namespace longshot {
namespace {

/// Shares of an error by which the time of a row and a point of the curve move. A pass alone does not say which of the
/// two was wrong: the curve, which a probe measured, gives way more slowly.
constexpr double kScaleShare = 1.0 / 8;
constexpr double kPointShare = 1.0 / 24;

/// Largest error of one pass that is believed, as a logarithm: half as long again.
constexpr double kMostError = 0.4;

}  // namespace

void LiveCost::Begin(const PassCost& probed) {
  curve_ = probed;
  size_ = probed.points().size();
  std::copy(probed.points().begin(), probed.points().end(), raw_.begin());
  scale_ms_ = 0;
}

void LiveCost::Observe(int64_t rows, double ms) {
  CHECK(rows >= 1, "{} rows", rows);
  if (!(ms > 0)) return;
  const double expected = curve_(rows) * raw_[0].cost;
  if (scale_ms_ == 0) {
    scale_ms_ = ms / expected;
    return;
  }
  const double error = std::clamp(std::log(ms / (scale_ms_ * expected)), -kMostError, kMostError);
  size_t nearest = 0;
  for (size_t i = 1; i < size_; ++i) {
    if (std::abs(raw_[i].rows - rows) <= std::abs(raw_[nearest].rows - rows)) nearest = i;
  }
  scale_ms_ *= std::exp(error * kScaleShare);
  raw_[nearest].cost *= std::exp(error * kPointShare);
  curve_ = PassCost(std::span(raw_).first(size_));
}

}  // namespace longshot
