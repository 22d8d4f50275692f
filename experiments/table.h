#pragma once

#include <nlohmann/json.hpp>
#include <map>
#include <string>
#include <vector>

#include "experiments/cell_store.h"
#include "experiments/statistics.h"

namespace longshot {

/// One drafter in one setting on one task: what its cells say together. Speed and acceptance come from the cells whose
/// answers do not loop, or from all where fewer than two do not.
struct TableLine {
  nlohmann::json axes;  ///< of the setting
  std::string task, drafter, method;
  int64_t cells = 0, looping = 0, failed = 0, different = 0;  ///< different: outputs other than plain decoding's
  int64_t compared = 0;                                       ///< cells with a partner of plain decoding
  int64_t prompts = 0;                                        ///< different ones behind the speed-ups
  int64_t pairs = 0;                                          ///< cells with a partner that speed is taken from
  int64_t tokens = 0;
  double prompt_tokens = 0;        ///< mean
  double ms_per_token = 0;         ///< of decoding, median
  Interval decode, latency;        ///< speed-ups against plain decoding of the same question and seed
  double tau_pooled = 0;           ///< emitted tokens per target pass, over all cells together
  double tau_mean = 0;             ///< mean over cells
  std::vector<double> acceptance;  ///< by position
  double score = 0;                ///< mean; of perplexities the geometric one
  int64_t scored = 0;
  std::string metric;
  std::map<std::string, double> phases_ms;  ///< per emitted token
  double reading_ms = 0;                    ///< of a prompt, mean
  double draft_bytes = 0;                   ///< most held by the drafter
  double law_shift = 0;                     ///< per token: total variation between the output's law and the target's
  double bypassed = 0;                      ///< share of rounds that a chooser decoded plainly; 0 for others
  std::string exactness;
};

/// Lines in the order of the experiment: setting, task, drafter.
std::vector<TableLine> MakeTable(const CellStore& store);
nlohmann::json ToJson(const TableLine& line);

/// Cells in the order of the experiment.
std::vector<const nlohmann::json*> OrderedCells(const CellStore& store);

/// Nothing is said about speed by a single prompt.
inline constexpr int64_t kFewestPrompts = 2;
/// From here on a figure is called a measurement.
inline constexpr int64_t kMeasuredPairs = 7;

/// "sampling.temperature=0, task.length=2000"; "all" without axes.
std::string AxesText(const nlohmann::json& axes);

}  // namespace longshot
