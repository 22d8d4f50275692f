// What `longshot bench` prints, whole and after an interrupt.
#include "cli/bench_report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace longshot {
namespace {

BenchEntry Measured() {
  return {.n_gen = 4, .n_depth = 8, .floor_ms = 1, .samples_ms = {2.0, 4.0}, .test_time = "2026-11-21T04:05:06Z"};
}

TEST(BenchReport, HasLlamaBenchsKeys) {
  const std::vector<BenchEntry> entries{Measured()};
  const auto json = nlohmann::json::parse(FormatBench("json", {}, entries));
  ASSERT_EQ(json.size(), 1u);
  for (const char* key : {"build_commit", "build_number",   "cpu_info", "backends",  "model_filename", "model_type",
                          "model_size",   "model_n_params", "n_batch",  "n_ubatch",  "n_threads",      "type_k",
                          "type_v",       "n_gpu_layers",   "n_prompt", "n_gen",     "n_depth",        "test_time",
                          "avg_ns",       "stddev_ns",      "avg_ts",   "stddev_ts", "samples_ns",     "samples_ts"}) {
    EXPECT_TRUE(json[0].contains(key)) << key;
  }
  EXPECT_EQ(json[0]["test_time"], "2026-11-21T04:05:06Z");
  EXPECT_TRUE(json[0]["build_number"].is_number_integer());
  EXPECT_EQ(json[0]["avg_ns"], 3'000'000);
}

TEST(BenchReport, AnInterruptKeepsWhatWasMeasured) {
  std::vector<BenchEntry> entries{{.n_prompt = 16}, Measured(), {.n_rows = 4}};
  KeepMeasured(entries);
  ASSERT_EQ(entries.size(), 1u);
  const std::string table = FormatBench("md", {}, entries);
  EXPECT_NE(table.find("tg4 @ d8"), std::string::npos) << table;
  EXPECT_EQ(table.find("nan"), std::string::npos) << table;
}

}  // namespace
}  // namespace longshot
