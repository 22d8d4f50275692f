#include "experiments/report_pictures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "experiments/report_tables.h"
#include "experiments/statistics.h"
#include "experiments/svg_plot.h"

namespace longshot {
namespace {

using nlohmann::json;

/// The lines of one drafter.
std::vector<const json*> LinesOf(const json& report, const std::string& drafter) {
  std::vector<const json*> lines;
  for (const json& line : report["table"]) {
    if (line["drafter"] == drafter) lines.push_back(&line);
  }
  return lines;
}

/// A quantity of lines against the length of prompts, one series per drafter: `value` of a line, or nothing. Where one
/// line stands at a length its own interval is shown, else the spread over lines.
template <class Value>
LinePlot AgainstLength(const json& report, std::string title, std::string unit, Value&& value) {
  LinePlot plot{std::move(title), "prompt tokens", std::move(unit), {}};
  int colour = 0;
  for (const std::string& drafter : DraftersOf(report)) {
    std::map<double, std::vector<Interval>> by_length;
    for (const json* line : LinesOf(report, drafter)) {
      if (const std::optional<Interval> y = value(*line)) by_length[LengthOf(*line, report)].push_back(*y);
    }
    Series series{drafter, {}, colour++};
    for (const auto& [length, intervals] : by_length) {
      std::vector<double> medians;
      for (const Interval& interval : intervals) medians.push_back(interval.median);
      const Interval shown = intervals.size() == 1 ? intervals.front() : IntervalOf(medians);
      series.points.push_back({length, shown.median, shown.low, shown.high});
    }
    if (!series.points.empty()) plot.series.push_back(std::move(series));
  }
  return plot;
}

Interval Exactly(double value) { return {value, value, value}; }

std::string AcrossLengths(const json& report) {
  using Maybe = std::optional<Interval>;
  LinePlot speed = AgainstLength(report, "decode speed-up", "times plain", [](const json& line) -> Maybe {
    if (!line.contains("decode_speedup")) return std::nullopt;
    return IntervalFrom(line["decode_speedup"]);
  });
  speed.reference = 1.0;
  const LinePlot tau = AgainstLength(report, "tau: tokens per target pass", "tokens", [](const json& line) -> Maybe {
    if (line["tokens"] == 0) return std::nullopt;
    return Exactly(line["mean_acceptance_length_pooled"]);
  });
  const LinePlot memory = AgainstLength(report, "draft memory", "MB", [](const json& line) -> Maybe {
    return Exactly(line["draft_bytes"].get<double>() / 1e6);
  });
  return RenderLines(speed) + RenderLines(tau) + RenderLines(memory);
}

std::string AcceptanceByPosition(const json& report) {
  LinePlot plot{"acceptance by position", "position in the draft", "share", {}};
  int colour = 0;
  for (const std::string& drafter : DraftersOf(report)) {
    const std::vector<const json*> lines = LinesOf(report, drafter);
    std::vector<double> rates;
    for (const json* line : lines) {
      AddTo(rates, (*line)["acceptance_rate_per_position"].get<std::vector<double>>());
    }
    Series series{drafter, {}, colour++};
    for (size_t i = 0; i < rates.size(); ++i) {
      const double rate = rates[i] / static_cast<double>(lines.size());
      series.points.push_back({static_cast<double>(i + 1), rate, rate, rate});
    }
    if (!series.points.empty()) plot.series.push_back(std::move(series));
  }
  return RenderLines(plot);
}

/// Bars over drafters: the mean of `value` of a line over lines, for each part.
template <class Value>
std::string BarsOverDrafters(const json& report, BarPlot plot, Value&& value) {
  for (const std::string& drafter : DraftersOf(report)) {
    std::vector<const json*> lines = LinesOf(report, drafter);
    std::erase_if(lines, [](const json* line) { return (*line)["tokens"] == 0; });  // texts that were scored
    if (lines.empty()) continue;
    BarPlot::Bar bar{drafter, {}};
    for (const std::string& part : plot.parts) {
      double sum = 0;
      for (const json* line : lines) sum += value(*line, part);
      bar.values.push_back(sum / static_cast<double>(lines.size()));
    }
    plot.bars.push_back(std::move(bar));
  }
  return RenderBars(plot);
}

std::string TimeByPhase(const json& report) {
  const std::string of_token = BarsOverDrafters(
      report, {"time of a token by phase", "ms", {"draft", "score", "verify", "commit", "sizing"}, {}},
      [](const json& line, const std::string& part) { return line["phases_ms_per_token"].value(part, 0.0); });
  const std::string of_answer = BarsOverDrafters(
      report,
      {"time of an answer by phase", "s", {"prompt", "retrieval", "draft prompt", "sizing", "draft", "score"}, {}},
      [](const json& line, const std::string& part) {
        const double tokens = line["tokens"].get<double>() / std::max(1.0, line["cells"].get<double>());
        const std::string phase = part == "draft prompt" ? "prefill_draft" : part;
        const double ms = part == "prompt" ? line["reading_ms"].get<double>()
                                           : line["phases_ms_per_token"].value(phase, 0.0) * tokens;
        return ms / 1000;
      });
  return of_token + of_answer;
}

std::string VerificationCostPlot(const json& report) {
  std::map<double, std::map<double, std::vector<double>>> costs;  // by thousand prompt tokens, by rows
  for (const json& cell : report["cells"]) {
    const double length = std::round(cell["prompt_tokens"].get<double>() / 1000);
    for (const json& point : cell["draft_plan"].value("verification_ms", json::array())) {
      costs[length][point["rows"]].push_back(point["ms"]);
    }
  }
  LinePlot plot{"cost of verification", "rows in one pass", "ms", {}};
  for (const auto& [length, by_rows] : costs) {
    Series series{fmt::format("at {:.0f}K", length), {}, static_cast<int>(plot.series.size())};
    for (const auto& [rows, values] : by_rows) {
      const Interval ms = IntervalOf(values);
      series.points.push_back({rows, ms.median, ms.low, ms.high});
    }
    plot.series.push_back(std::move(series));
  }
  return RenderLines(plot);
}

}  // namespace

std::string Pictures(const json& report) {
  return "<div class=\"pictures\">" + AcrossLengths(report) + AcceptanceByPosition(report) + TimeByPhase(report) +
         VerificationCostPlot(report) + "</div>\n";
}

}  // namespace longshot
