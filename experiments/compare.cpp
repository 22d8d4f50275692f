#include "experiments/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "experiments/table.h"

namespace longshot {
namespace {

using nlohmann::json;

double MsPerToken(const json& cell) {
  const double tokens = cell["timings"]["predicted_n"];
  return tokens > 0 ? cell["timings"]["predicted_ms"].get<double>() / tokens : 0;
}

}  // namespace

bool Comparison::Regressed() const {
  return std::any_of(lines.begin(), lines.end(), [](const ComparedLine& line) { return line.regression; });
}

Comparison CompareReports(const json& first, const json& second, double tolerance) {
  Comparison comparison;
  std::map<std::string, const json*> partners;
  for (const json& cell : second["cells"]) partners.emplace(cell["id"], &cell);
  struct Pool {
    ComparedLine line;
    std::vector<double> ratios;
    bool exact_differs = false, newly_failed = false;
  };
  std::map<std::tuple<int64_t, int64_t, int64_t>, Pool> pools;
  for (const json& cell : first["cells"]) {
    const auto partner = partners.find(cell["id"]);
    if (partner == partners.end()) {
      ++comparison.only_first;
      continue;
    }
    const json& other = *partner->second;
    partners.erase(partner);
    const json& place = cell["place"];
    Pool& pool = pools[{place[0], place[1], place[4]}];
    pool.line.axes = AxesText(cell["axes"]), pool.line.task = cell["task"], pool.line.drafter = cell["drafter"];
    ++pool.line.pairs;
    if (cell["output_sha256"] != other["output_sha256"]) {
      ++pool.line.different;
      pool.exact_differs |= cell["exactness"] == "exact";
    }
    const double before = MsPerToken(cell), after = MsPerToken(other);
    const bool loops = cell["looping"] == true || other["looping"] == true;
    if (!loops && before > 0 && after > 0) pool.ratios.push_back(before / after);
    pool.newly_failed |= cell["failed"] == "" && other["failed"] != "";
  }
  comparison.only_second = std::ssize(partners);
  for (auto& [key, pool] : pools) {
    const bool enough = std::ssize(pool.ratios) >= kFewestPairs;
    pool.line.speed = IntervalOf(pool.ratios);
    pool.line.regression = pool.exact_differs || pool.newly_failed || (enough && pool.line.speed.high < 1 - tolerance);
    comparison.lines.push_back(std::move(pool.line));
  }
  return comparison;
}

std::string FormatComparison(const Comparison& comparison) {
  constexpr std::string_view kLine = "| {:<28} | {:<14} | {:<20} | {:>5} | {:>7} | {:<18} | {:<10} |\n";
  std::string text = fmt::format(kLine, "setting", "task", "drafter", "pairs", "differ", "speed", "");
  text += fmt::format("| {0:-<28} | {0:-<14} | {0:-<20} | {0:->4}: | {0:->6}: | {0:-<18} | {0:-<10} |\n", "");
  for (const ComparedLine& line : comparison.lines) {
    const std::string speed = line.speed.median == 0 ? "-" : Text(line.speed);
    text += fmt::format(kLine, line.axes, line.task, line.drafter, line.pairs, line.different, speed,
                        line.regression ? "REGRESSION" : "");
  }
  if (comparison.only_first + comparison.only_second > 0) {
    text += fmt::format("{} cells are in the first run only, {} in the second only\n", comparison.only_first,
                        comparison.only_second);
  }
  return text;
}

json ToJson(const Comparison& comparison) {
  json lines = json::array();
  for (const ComparedLine& line : comparison.lines) {
    lines.push_back({{"axes", line.axes},
                     {"task", line.task},
                     {"drafter", line.drafter},
                     {"pairs", line.pairs},
                     {"different_outputs", line.different},
                     {"speed", ToJson(line.speed)},
                     {"regression", line.regression}});
  }
  return {{"lines", lines},
          {"only_first", comparison.only_first},
          {"only_second", comparison.only_second},
          {"regressed", comparison.Regressed()}};
}

}  // namespace longshot
