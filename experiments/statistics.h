#pragma once

#include <algorithm>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace longshot {

double Median(std::vector<double> values);  ///< 0 of none
double Mean(const std::vector<double>& values);
double GeometricMean(const std::vector<double>& values);  ///< REQUIRES: all above 0

/// A median and, from six values on, its 95 % interval by order statistics; with fewer least and most. No values: all
/// zero.
struct Interval {
  double median = 0, low = 0, high = 0;
};
Interval IntervalOf(std::vector<double> values);
nlohmann::json ToJson(const Interval& interval);
/// Of what `ToJson` gave.
Interval IntervalFrom(const nlohmann::json& stored);
/// "1.28 (1.19-1.47)"
std::string Text(const Interval& interval);

/// Nothing is said about speed by a single pair of runs.
inline constexpr int64_t kFewestPairs = 2;

/// Adds counters of positions, of which one side may have more.
template <class Value>
void AddTo(std::vector<Value>& sum, const std::vector<Value>& more) {
  sum.resize(std::max(sum.size(), more.size()));
  for (size_t i = 0; i < more.size(); ++i) sum[i] += more[i];
}

}  // namespace longshot
