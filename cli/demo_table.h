#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "cli/answer.h"

namespace longshot {

/// What is kept of one answer.
struct DemoRun {
  int64_t tokens = 0;
  double decode_ms = 0;
  double total_ms = 0;    ///< prefill of target and drafter, and decoding
  bool identical = true;  ///< byte for byte the plain answer to the same question with the same seed
  bool looping = false;
  GenerationMetrics metrics = {};
};

DemoRun ToDemoRun(const Answer& answer, const std::string& plain_text);

/// The runs of one drafter on one task; run i of every drafter has the same seed.
struct DemoCell {
  std::string task;
  std::string drafter;
  std::vector<DemoRun> runs;
};

/// A line of the table: medians over the runs whose answers do not loop, or over all when every one does.
struct DemoLine {
  std::string task = {}, drafter = {};
  int64_t tokens = 0;  ///< all runs together
  double tokens_per_second = 0;
  double mean_acceptance_length = 0;  ///< pooled over runs
  std::vector<double> acceptance_per_position = {};
  double decode_speedup = 1, latency_speedup = 1;  ///< against plain decoding of the same run
  bool identical = true;
  int64_t looping_runs = 0, runs = 0;
  bool proposed = false;
};

/// REQUIRES: both have the same, positive number of runs.
DemoLine MakeDemoLine(const DemoCell& cell, const DemoCell& plain);

/// Errors: kUnsupported naming the first drafter that proposed nothing in any line: its speed would say
/// nothing. `auto` may decode plainly throughout, which it tells after every run.
void RequireProposals(std::span<const DemoLine> lines);

std::string FormatDemoTable(std::span<const DemoLine> lines);
nlohmann::json ToJson(const DemoLine& line);

}  // namespace longshot
