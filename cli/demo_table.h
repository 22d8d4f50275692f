#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "experiments/statistics.h"
#include "session/answer.h"

namespace longshot {

/// What is kept of one answer.
struct DemoRun {
  std::string text = {};
  int64_t tokens = 0;
  double decode_ms = 0;
  double total_ms = 0;  ///< reading of the whole prompt, prefill of the drafter, and decoding
  bool looping = false;
  GenerationMetrics metrics = {};
};

DemoRun ToDemoRun(const Answer& answer, double total_ms);

/// The runs of one drafter on one task; run i of every drafter has the same seed.
struct DemoCell {
  std::string task;
  std::string drafter;
  std::vector<DemoRun> runs;
};

/// A line of the table: of the runs whose answers do not loop, or of all when fewer than two do not.
struct DemoLine {
  std::string task = {}, drafter = {};
  int64_t tokens = 0;                 ///< all runs together
  int64_t pairs = 0;                  ///< runs that the following are taken from
  double ms_per_token = 0;            ///< of decoding, median
  double mean_acceptance_length = 0;  ///< pooled
  std::vector<double> acceptance_per_position = {};
  Interval decode = {}, latency = {};  ///< speed-ups against plain decoding in the same repetition
  bool identical = true;               ///< every text byte for byte that of plain decoding with the same seed
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
