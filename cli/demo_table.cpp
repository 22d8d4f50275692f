#include "cli/demo_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"

namespace longshot {
namespace {

constexpr size_t kShownPositions = 5;

void AddRun(GenerationMetrics& pool, const GenerationMetrics& run) {
  pool.emitted_tokens += run.emitted_tokens;
  pool.target_passes += run.target_passes;
  pool.num_drafts += run.num_drafts;
  AddTo(pool.drafted_per_depth, run.drafted_per_depth);
  AddTo(pool.accepted_per_depth, run.accepted_per_depth);
}

std::string SpeedupText(const Interval& speedup, int64_t pairs) { return pairs < kFewestPairs ? "-" : Text(speedup); }

std::string Positions(const DemoLine& line) {
  if (!line.proposed) return "-";
  std::string text;
  for (size_t i = 0; i < std::min(kShownPositions, line.acceptance_per_position.size()); ++i) {
    text += fmt::format("{}{:.2f}", i > 0 ? " " : "", line.acceptance_per_position[i]);
  }
  return text;
}

std::string Looping(const DemoLine& line) {
  return line.looping_runs == 0 ? "no" : fmt::format("{} of {}", line.looping_runs, line.runs);
}

}  // namespace

DemoRun ToDemoRun(const Answer& answer, double total_ms) {
  const GenerationMetrics& metrics = answer.result.metrics;
  return {.text = answer.text,
          .tokens = metrics.emitted_tokens,
          .decode_ms = metrics.time_ms.decode(),
          .total_ms = total_ms,
          .looping = metrics.looping_share > kLoopingShare,
          .metrics = metrics};
}

DemoLine MakeDemoLine(const DemoCell& cell, const DemoCell& plain) {
  CHECK(!cell.runs.empty() && cell.runs.size() == plain.runs.size(), "{} and {} runs", cell.runs.size(),
        plain.runs.size());
  DemoLine line;
  line.task = cell.task;
  line.drafter = cell.drafter;
  line.runs = static_cast<int64_t>(cell.runs.size());
  line.looping_runs = std::count_if(cell.runs.begin(), cell.runs.end(), [](const DemoRun& r) { return r.looping; });
  std::vector<double> ms_per_token, decode, latency;
  GenerationMetrics pool;
  for (size_t i = 0; i < cell.runs.size(); ++i) {
    const DemoRun &run = cell.runs[i], &base = plain.runs[i];
    line.tokens += run.tokens;
    line.identical = line.identical && run.text == base.text;
    line.proposed = line.proposed || run.metrics.num_drafts > 0;
    if (run.looping && line.runs - line.looping_runs >= kFewestPairs) continue;
    AddRun(pool, run.metrics);
    ms_per_token.push_back(run.decode_ms / static_cast<double>(run.tokens));
    decode.push_back(base.decode_ms / run.decode_ms);
    latency.push_back(base.total_ms / run.total_ms);
  }
  line.pairs = std::ssize(decode);
  line.ms_per_token = Median(ms_per_token);
  line.decode = IntervalOf(decode);
  line.latency = IntervalOf(latency);
  line.mean_acceptance_length = pool.MeanAcceptanceLength();
  line.acceptance_per_position = pool.AcceptancePerPosition();
  return line;
}

void RequireProposals(std::span<const DemoLine> lines) {
  for (const DemoLine& line : lines) {
    const bool proposed = std::any_of(lines.begin(), lines.end(), [&](const DemoLine& other) {
      return other.drafter == line.drafter && other.proposed;
    });
    if (proposed || line.drafter == "none" || line.drafter == "auto") continue;
    Throw(ErrorCode::kUnsupported,
          "{} proposed no token in any run, so its speed says nothing: ask for longer answers "
          "with -n, or for a longer document with --doc-tokens",
          line.drafter);
  }
}

std::string FormatDemoTable(std::span<const DemoLine> lines) {
  constexpr std::string_view kLine =
      "| {:<9} | {:<16} | {:>6} | {:>7} | {:>8} | {:>11} | {:<24} | {:<16} | {:<16} | {:<7} | {:<9} |\n";
  std::string out = fmt::format(kLine, "task", "drafter", "tokens", "tok/s", "ms/token", "mean length",
                                "acceptance per position", "decode speed-up", "latency speed-up", "loops", "identical");
  out += fmt::format(
      "| {0:-<9} | {0:-<16} | {0:->5}: | {0:->6}: | {0:->7}: | {0:->10}: | {0:-<24} | {0:-<16} | {0:-<16} | {0:-<7} | "
      "{0:-<9} |\n",
      "");
  for (const DemoLine& line : lines) {
    out += fmt::format(kLine, line.task, line.drafter, line.tokens, fmt::format("{:.1f}", 1000 / line.ms_per_token),
                       fmt::format("{:.2f}", line.ms_per_token), fmt::format("{:.2f}", line.mean_acceptance_length),
                       Positions(line), SpeedupText(line.decode, line.pairs), SpeedupText(line.latency, line.pairs),
                       Looping(line), line.identical ? "yes" : "NO");
  }
  return out;
}

nlohmann::json ToJson(const DemoLine& line) {
  nlohmann::json json = {{"task", line.task},
                         {"drafter", line.drafter},
                         {"tokens", line.tokens},
                         {"pairs", line.pairs},
                         {"ms_per_token", line.ms_per_token},
                         {"tokens_per_second", 1000 / line.ms_per_token},
                         {"mean_acceptance_length", line.mean_acceptance_length},
                         {"acceptance_rate_per_position", line.acceptance_per_position},
                         {"byte_identical", line.identical},
                         {"runs", line.runs},
                         {"looping_runs", line.looping_runs},
                         {"proposed", line.proposed}};
  if (line.pairs >= kFewestPairs)
    json["decode_speedup"] = ToJson(line.decode), json["latency_speedup"] = ToJson(line.latency);
  return json;
}

}  // namespace longshot
