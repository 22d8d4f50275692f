#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "experiments/statistics.h"

namespace longshot {

/// One drafter in one setting on one task, in two runs.
struct ComparedLine {
  std::string axes, task, drafter;
  int64_t pairs = 0;      ///< cells that both runs have
  int64_t different = 0;  ///< of them, with another output
  Interval speed;         ///< decoding time per token, first run over second: above 1 the second is faster
  bool regression = false;
};

struct Comparison {
  std::vector<ComparedLine> lines;
  int64_t only_first = 0, only_second = 0;  ///< cells without a partner
  bool Regressed() const;
};

/// Cells with the same id are pairs. A regression: an output that differs under an exact label, a drafter that proposed
/// in the first run and never in the second, or a speed whose whole
/// interval lies below 1 - `tolerance`. Outputs that differ under the label `distribution` are none. Cells whose
/// outputs loop count for outputs only.
Comparison CompareReports(const nlohmann::json& first, const nlohmann::json& second, double tolerance);

std::string FormatComparison(const Comparison& comparison);
nlohmann::json ToJson(const Comparison& comparison);

}  // namespace longshot
