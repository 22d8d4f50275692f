#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

namespace longshot {

double Median(std::vector<double> values);  ///< 0 of none
double Mean(const std::vector<double>& values);

/// A median and, from six values on, its 95 % interval by order statistics; with fewer least and most. No values: all
/// zero.
struct Interval {
  double median = 0, low = 0, high = 0;
};
Interval IntervalOf(std::vector<double> values);
nlohmann::json ToJson(const Interval& interval);

}  // namespace longshot
