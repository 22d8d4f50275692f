#include "cli/demo_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"

namespace longshot {
namespace {

constexpr size_t kShownPositions = 5;

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  const size_t middle = values.size() / 2;
  std::sort(values.begin(), values.end());
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

template <class Value>
void AddTo(std::vector<Value>& sum, const std::vector<Value>& more) {
  sum.resize(std::max(sum.size(), more.size()));
  for (size_t i = 0; i < more.size(); ++i) sum[i] += more[i];
}

GenerationMetrics Pool(const std::vector<DemoRun>& runs) {
  GenerationMetrics pool;
  for (const DemoRun& run : runs) {
    pool.emitted_tokens += run.metrics.emitted_tokens;
    pool.target_passes += run.metrics.target_passes;
    pool.num_drafts += run.metrics.num_drafts;
    AddTo(pool.drafted_per_depth, run.metrics.drafted_per_depth);
    AddTo(pool.accepted_per_depth, run.metrics.accepted_per_depth);
  }
  return pool;
}

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

DemoRun ToDemoRun(const Answer& answer, const std::string& plain_text) {
  const GenerationMetrics& metrics = answer.result.metrics;
  return {.tokens = metrics.emitted_tokens,
          .decode_ms = metrics.time_ms.decode(),
          .total_ms = metrics.time_ms.total(),
          .identical = answer.text == plain_text,
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
  std::vector<double> rates, decode, latency;
  for (size_t i = 0; i < cell.runs.size(); ++i) {
    const DemoRun &run = cell.runs[i], &base = plain.runs[i];
    line.tokens += run.tokens;
    line.identical = line.identical && run.identical;
    if (run.looping && line.looping_runs < line.runs) continue;
    rates.push_back(static_cast<double>(run.tokens) * 1000 / run.decode_ms);
    decode.push_back(base.decode_ms / run.decode_ms);
    latency.push_back(base.total_ms / run.total_ms);
  }
  line.tokens_per_second = Median(rates);
  line.decode_speedup = Median(decode);
  line.latency_speedup = Median(latency);
  const GenerationMetrics pool = Pool(cell.runs);
  line.mean_acceptance_length = pool.MeanAcceptanceLength();
  line.acceptance_per_position = pool.AcceptancePerPosition();
  line.proposed = pool.num_drafts > 0;
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
  std::string out = fmt::format(
      "| {:<9} | {:<16} | {:>6} | {:>7} | {:>15} | {:<24} | {:>7} | {:>8} | {:<7} | {:<9} |\n", "task", "drafter",
      "tokens", "tok/s", "mean acceptance", "acceptance per position", "decode", "latency", "loops", "identical");
  out += fmt::format(
      "| {0:-<9} | {0:-<16} | {0:->5}: | {0:->6}: | {0:->14}: | {0:-<24} | {0:->6}: | {0:->7}: | {0:-<7} | "
      "{0:-<9} |\n",
      "");
  for (const DemoLine& line : lines) {
    out += fmt::format(
        "| {:<9} | {:<16} | {:>6} | {:>7.1f} | {:>15.2f} | {:<24} | {:>6.2f}x | {:>7.2f}x | {:<7} | {:<9} "
        "|\n",
        line.task, line.drafter, line.tokens, line.tokens_per_second, line.mean_acceptance_length, Positions(line),
        line.decode_speedup, line.latency_speedup, Looping(line), line.identical ? "yes" : "NO");
  }
  return out;
}

nlohmann::json ToJson(const DemoLine& line) {
  return {{"task", line.task},
          {"drafter", line.drafter},
          {"tokens", line.tokens},
          {"tokens_per_second", line.tokens_per_second},
          {"mean_acceptance_length", line.mean_acceptance_length},
          {"acceptance_rate_per_position", line.acceptance_per_position},
          {"decode_speedup", line.decode_speedup},
          {"latency_speedup", line.latency_speedup},
          {"byte_identical", line.identical},
          {"runs", line.runs},
          {"looping_runs", line.looping_runs},
          {"proposed", line.proposed}};
}

}  // namespace longshot
