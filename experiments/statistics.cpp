#include "experiments/statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <numeric>

namespace longshot {
namespace {

/// How many of `n` values lie on either side outside the 95 % interval of their median: the most whose probability by
/// chance, that of as few heads among n coins, is at most 2.5 %.
size_t OutsideInterval(size_t n) {
  // Many coins: the normal law, whose values for 1000 differ by nothing.
  constexpr size_t kMany = 1000;
  if (n > kMany) {
    const double half = static_cast<double>(n) / 2, spread = 1.96 * std::sqrt(static_cast<double>(n)) / 2;
    return static_cast<size_t>(half - spread - 1);
  }
  double chance = std::pow(0.5, static_cast<double>(n)), sum = chance;
  size_t outside = 0;
  while (sum <= 0.025) {
    ++outside;
    chance *= static_cast<double>(n - outside + 1) / static_cast<double>(outside);
    sum += chance;
  }
  return outside == 0 ? 0 : outside - 1;
}

}  // namespace

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  const size_t middle = values.size() / 2;
  std::sort(values.begin(), values.end());
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double Mean(const std::vector<double>& values) {
  if (values.empty()) return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double GeometricMean(const std::vector<double>& values) {
  double logs = 0;
  for (const double value : values) logs += std::log(value);
  return values.empty() ? 0 : std::exp(logs / static_cast<double>(values.size()));
}

Interval IntervalOf(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const size_t outside = OutsideInterval(values.size());
  return {Median(values), values[outside], values[values.size() - 1 - outside]};
}

nlohmann::json ToJson(const Interval& interval) {
  return {{"median", interval.median}, {"low", interval.low}, {"high", interval.high}};
}

Interval IntervalFrom(const nlohmann::json& stored) { return {stored["median"], stored["low"], stored["high"]}; }

std::string Text(const Interval& interval) {
  return fmt::format("{:.2f} ({:.2f}-{:.2f})", interval.median, interval.low, interval.high);
}

}  // namespace longshot
