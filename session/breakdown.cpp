#include "session/breakdown.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

namespace longshot {
namespace {

using nlohmann::json;

struct Line {
  Operation operation;
  OperationCost cost;

  /// 0 for an operation below the clock's resolution.
  double PerMs(double amount) const { return cost.ms > 0 ? amount / cost.ms : 0; }
  double gb_per_s() const { return PerMs(cost.work.bytes) / 1e6; }
  double gflop_per_s() const { return PerMs(cost.work.flops) / 1e6; }
  /// 0 where there is none. Operations without flops work on rows that caches hold: memory is no roof of theirs.
  double RoofFraction(const Roofs& roofs) const {
    if (cost.work.flops == 0 || roofs.bytes_per_ms <= 0 || roofs.flops_per_ms <= 0) return 0;
    return PerMs(FloorMs({cost.work.bytes, cost.work.flops}, roofs));
  }
};

/// What ran, the dearest first.
std::vector<Line> Lines(const OperationCosts& costs) {
  std::vector<Line> lines;
  for (int i = 0; i < kOperations; ++i) {
    if (costs[i].calls > 0) lines.push_back({static_cast<Operation>(i), costs[i]});
  }
  std::stable_sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) { return a.cost.ms > b.cost.ms; });
  return lines;
}

std::string OrDash(double value, const char* format) {
  return value > 0 ? fmt::format(fmt::runtime(format), value) : "-";
}

std::string PhaseTable(Phase phase, double phase_ms, const std::vector<Line>& lines, double outside_ms,
                       const Roofs& roofs) {
  const auto share = [&](double ms) { return OrDash(phase_ms > 0 ? ms / phase_ms * 100 : 0, "{:.1f} %"); };
  std::string text = fmt::format("{}: {:.1f} ms\n", Name(phase), phase_ms);
  text += fmt::format("  {:<25}{:>8}{:>11}{:>9}{:>9}{:>10}{:>8}\n", "operation", "calls", "ms", "share", "GB/s",
                      "GFLOP/s", "roof");
  for (const Line& line : lines) {
    text += fmt::format("  {:<25}{:>8}{:>11.2f}{:>9}{:>9}{:>10}{:>8}\n", Name(line.operation), line.cost.calls,
                        line.cost.ms, share(line.cost.ms), OrDash(line.gb_per_s(), "{:.1f}"),
                        OrDash(line.gflop_per_s(), "{:.1f}"), OrDash(line.RoofFraction(roofs), "{:.2f}"));
  }
  return text + fmt::format("  {:<33}{:>11.2f}{:>9}\n", "outside operations", outside_ms, share(outside_ms));
}

json LineJson(const Line& line, const Roofs& roofs) {
  json entry = {{"operation", Name(line.operation)}, {"calls", line.cost.calls},      {"ms", line.cost.ms},
                {"bytes", line.cost.work.bytes},     {"flops", line.cost.work.flops}, {"gb_per_s", line.gb_per_s()},
                {"gflop_per_s", line.gflop_per_s()}};
  if (const double fraction = line.RoofFraction(roofs); fraction > 0) entry["roof_fraction"] = fraction;
  return entry;
}

}  // namespace

double Breakdown::OperationsMs(Phase phase) const {
  double ms = 0;
  for (const OperationCost& cost : of(phase)) ms += cost.ms;
  return ms;
}

std::string Breakdown::Table(const PhaseTimes& times, const Roofs& roofs) const {
  std::string text;
  for (int i = 0; i < kPhases; ++i) {
    const auto phase = static_cast<Phase>(i);
    const std::vector<Line> lines = Lines(of(phase));
    if (lines.empty()) continue;
    text += PhaseTable(phase, times.of(phase), lines, times.of(phase) - OperationsMs(phase), roofs);
  }
  if (!text.empty()) text.pop_back();
  return text;
}

json Breakdown::ToJson(const PhaseTimes& times, const Roofs& roofs) const {
  json phases = nlohmann::json::object();
  for (int i = 0; i < kPhases; ++i) {
    const auto phase = static_cast<Phase>(i);
    json operations = nlohmann::json::array();
    for (const Line& line : Lines(of(phase))) operations.push_back(LineJson(line, roofs));
    if (operations.empty()) continue;
    phases[Name(phase)] = {{"ms", times.of(phase)},
                           {"outside_operations_ms", times.of(phase) - OperationsMs(phase)},
                           {"operations", operations}};
  }
  return {{"roofs", {{"bytes_per_ms", roofs.bytes_per_ms}, {"flops_per_ms", roofs.flops_per_ms}}}, {"phases", phases}};
}

}  // namespace longshot
