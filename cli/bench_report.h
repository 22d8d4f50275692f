#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "session/roofs.h"
#include "kernels/kernels.h"

namespace longshot {

/// One line of a benchmark: a test at a depth. Exactly one of the three sizes is not 0.
struct BenchEntry {
  int64_t n_prompt = 0;
  int64_t n_gen = 0;
  int64_t n_rows = 0;
  int64_t n_depth = 0;
  double floor_ms = 0;                  ///< shortest time of one repetition that the roofs allow
  std::vector<double> samples_ms = {};  ///< one per repetition
  std::string test_time = {};           ///< when the first began: "2026-11-21T04:05:06Z"

  /// Tokens (or verified rows) of one repetition.
  int64_t tokens() const { return n_prompt + n_gen + n_rows; }
  std::vector<double> SamplesPerSecond() const;
  double AverageMs() const;
  double RoofFraction() const { return floor_ms / AverageMs(); }
  /// "pp128 @ d8000", llama-bench's name of the test.
  std::string Name() const;
};

/// What all lines share.
struct BenchSetting {
  std::string model_path;
  std::string model_type;  ///< architecture and, of a layer's weights, the type: "llama q4_1"
  int64_t model_bytes = 0;
  int64_t model_parameters = 0;
  int64_t n_batch = 0, n_ubatch = 0;
  std::string type_k, type_v;
  BackendInfo backend = {};
  Roofs roofs = {};
};

/// Leaves out the tests that an interrupt left without a sample.
void KeepMeasured(std::vector<BenchEntry>& entries);

/// `format`: "md", "json" or "csv", with llama-bench's names.
std::string FormatBench(const std::string& format, const BenchSetting& setting, std::span<const BenchEntry> entries);

}  // namespace longshot
